"""VGG-16 and VGG-19: Table 1's widths, Table 2's totals."""

from __future__ import annotations

import kerasaudit as ka
from models.vgg import vgg16, vgg19


def counts(audit):
    return [row.derived for row in audit.layers if row.derived]


def stage(width, before, count):
    """A stage of 3 × 3 convolutions, the first of which widens."""
    return [3 * 3 * before * width + width] + (count - 1) * [3 * 3 * width * width + width]


DENSE = [7 * 7 * 512 * 4096 + 4096, 4096 * 4096 + 4096, 4096 * 1000 + 1000]


def test_vgg16():
    convolutions = [
        *stage(64, 3, 2),
        *stage(128, 64, 2),
        *stage(256, 128, 3),
        *stage(512, 256, 3),
        *stage(512, 512, 3),
    ]
    audit = ka.audit(vgg16)
    assert counts(audit) == convolutions + DENSE
    assert audit.totals.derived == 138_357_544
    # CS231n's weights are those without biases.
    biases = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512 + 2 * 4096 + 1000
    assert audit.totals.derived - biases == 138_344_128


def test_vgg19():
    convolutions = [
        *stage(64, 3, 2),
        *stage(128, 64, 2),
        *stage(256, 128, 4),
        *stage(512, 256, 4),
        *stage(512, 512, 4),
    ]
    audit = ka.audit(vgg19)
    assert counts(audit) == convolutions + DENSE
    assert audit.totals.derived == 143_667_240
