"""Generated networks in float64: every derived gradient is the tape's."""

from __future__ import annotations

import pytest

from tests.backprop.networks import FAMILIES, check_network

NETWORKS = 22  # of each family


@pytest.mark.parametrize("seed", range(NETWORKS))
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_every_gradient_is_the_tapes(keras, family, seed):
    check_network(family, seed)
