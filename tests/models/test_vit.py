"""ViT-B/16: Table 1 of the paper, torchvision's count and its multiply-accumulates."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from models.vit import vit_b16


@pytest.fixture(scope="module")
def audit():
    return ka.audit(vit_b16)


def test_the_count(audit):
    block = 4 * 768 * 768 + 4 * 768 + 768 * 3072 + 3072 + 3072 * 768 + 768 + 2 * 2 * 768
    patches = 16 * 16 * 3 * 768 + 768
    tables = 768 + 197 * 768
    total = patches + tables + 12 * block + 2 * 768 + 768 * 1000 + 1000
    assert audit.totals.params == total == 86_567_656


def test_the_macs(audit):
    """Both score products among them: 197 positions attend to 197."""
    block = 197 * (4 * 768 * 768 + 2 * 768 * 3072) + 2 * 197 * 197 * 768
    total = 196 * 16 * 16 * 3 * 768 + 12 * block + 768 * 1000
    assert audit.totals.macs == total == 17_563_828_224  # 17.56 GFLOPs, says torchvision


def test_the_sequence(audit):
    shapes = {row.path: row.output_shape for row in audit.layers}
    assert shapes["sequence"] == (None, 196, 768)
    assert shapes["with_class_token"] == (None, 197, 768)
    assert shapes["features"] == (None, 768)
