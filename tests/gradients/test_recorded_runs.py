"""The committed runs are what the trainings give: trained again, and compared."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from tests.gradients.record import RUNS, TRAININGS


@pytest.mark.parametrize("name", TRAININGS)
def test_a_committed_run_is_what_its_training_gives(keras, name):
    committed = ka.open_run(RUNS / name)
    again = TRAININGS[name]().run
    assert committed.findings == again.findings == ()
    assert [one.inventory for one in committed.sessions] == [
        one.inventory for one in again.sessions
    ]
    old, new = committed.steps, again.steps
    assert old["step"].tolist() == new["step"].tolist() == list(range(60))
    # The learning is the same; last digits are another processor's, and grow from step to step.
    np.testing.assert_allclose(old["loss"][:10], new["loss"][:10], rtol=1e-3)
    np.testing.assert_allclose(old["loss"], new["loss"], rtol=0.15)
    assert new["loss"].iloc[-5:].mean() < 0.4 * new["loss"].iloc[0]
    where = ["step", "layer", "weight", "kernel"]
    ours, theirs = (
        one.to_frame("kernels", step=range(5)).sort_values(where) for one in (committed, again)
    )
    assert ours[where].values.tolist() == theirs[where].values.tolist()
    np.testing.assert_allclose(ours["l2"], theirs["l2"], rtol=1e-2, atol=1e-4)
    elements = [one.to_frame("elements", step=0) for one in (committed, again)]
    np.testing.assert_array_equal(elements[0]["value"], elements[1]["value"])
    np.testing.assert_allclose(
        elements[0]["gradient"], elements[1]["gradient"], rtol=1e-3, atol=1e-6
    )
