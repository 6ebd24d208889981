"""AlexNet: the kernels of §3.5, the neurons of Fig. 2, and the slips of both."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from models.alexnet import alexnet


@pytest.fixture(scope="module")
def audit():
    return ka.audit(alexnet)


def test_layer_by_layer(audit):
    counts = {row.path: row.derived for row in audit.layers if row.derived}
    assert counts == {
        "conv1": 96 * 11 * 11 * 3 + 96,
        "conv2": 256 * 5 * 5 * 48 + 256,
        "conv3": 384 * 3 * 3 * 256 + 384,
        "conv4": 384 * 3 * 3 * 192 + 384,
        "conv5": 256 * 3 * 3 * 192 + 256,
        "fc6": 6 * 6 * 256 * 4096 + 4096,
        "fc7": 4096 * 4096 + 4096,
        "fc8": 4096 * 1000 + 1000,
    }
    assert sum(counts.values()) == 60_965_224


def test_the_neurons_of_the_first_layer_are_290400(audit):
    rows = {row.path: row for row in audit.layers}
    assert rows["conv1"].output_shape == (None, 55, 55, 96)
    assert 55 * 55 * 96 == 290_400
    slips = {claim.steps[0].text: claim for claim in audit.claims if claim.status == "erratum"}
    assert set(slips) == {"224 × 224 × 3", "55 × 55 × 96 = 253,440", "60M"}
    assert slips["55 × 55 × 96 = 253,440"].steps[0].correction == "55 × 55 × 96 = 290,400"
    assert slips["224 × 224 × 3"].steps[0].correction == "227 × 227 × 3"
