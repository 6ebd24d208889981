"""ResNet-50: Table 1 of the paper, torchvision's count."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from models.resnet import resnet50


@pytest.fixture(scope="module")
def audit():
    return ka.audit(resnet50)


def test_the_counts(audit):
    convolutions = 7 * 7 * 3 * 64
    channels, normalized = 64, 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            if block == 0:
                convolutions += channels * 4 * width
                normalized += 4 * width
            convolutions += channels * width + 3 * 3 * width * width + width * 4 * width
            normalized += width + width + 4 * width
            channels = 4 * width
    dense = 2048 * 1000 + 1000
    assert audit.totals.trainable == convolutions + 2 * normalized + dense == 25_557_032
    assert audit.totals.non_trainable == 2 * normalized == 53_120


def test_the_table_has_fifty_layers(audit):
    main = [
        row
        for row in audit.layers
        if row.class_name in ("Conv2D", "Dense") and not row.path.endswith("shortcut")
    ]
    assert len(main) == 50


def test_the_output_sizes(audit):
    shapes = {row.path: row.output_shape for row in audit.layers}
    assert shapes["conv1"] == (None, 112, 112, 64)
    assert shapes["conv2_block3_out"] == (None, 56, 56, 256)
    assert shapes["conv3_block4_out"] == (None, 28, 28, 512)
    assert shapes["conv4_block6_out"] == (None, 14, 14, 1024)
    assert shapes["conv5_block3_out"] == (None, 7, 7, 2048)
