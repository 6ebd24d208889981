"""Generated networks in float64: every derived gradient is the tape's."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from tests.backprop.networks import FAMILIES, LOSSES, Draw, normalization, targets
from tests.backprop.tape import assert_equal, in_float64, on_tape, scatter_weights

NETWORKS = 22  # of each family


@pytest.mark.parametrize("seed", range(NETWORKS))
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_every_gradient_is_the_tapes(keras, family, seed):
    with in_float64():
        draw = Draw([seed, *family.__name__.encode()])
        model, x = family(draw)
        scatter_weights(model, draw.rng)
        model.compile(loss=draw.one(*LOSSES))
        y, training = targets(model, draw), draw.maybe() and family is normalization
        loss, taped = on_tape(model, x, y, training=training)
        found = ka.backprop(model, x, y, training=training)
    assert found.loss == pytest.approx(loss, rel=1e-12)
    assert_equal(found.gradients, taped, 1e-9)
    predicted = [np.asarray(one) for one in keras.tree.flatten(model(x, training=training))]
    for ours, theirs in zip(found.predictions, predicted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
