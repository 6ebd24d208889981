"""Every model of keras.applications, saved by Keras and audited from the file.

The models have no value in memory: each weight is handed to Keras's own saving code as an array of
zeros that takes no room. What is in a file but for its values is what Keras always writes there.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit import zoo
from kerasaudit.observation.unallocated import without_allocation
from models import applications

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def save(model, path):
    """Save with zeros for values. To be called where the model was built without any."""
    with keras.StatelessScope() as scope:
        for variable in model.variables:
            zero = np.zeros((), variable.dtype)
            # Given as an argument, Keras would make a tensor of it: up to 1.4 GB at once.
            scope.state_mapping[id(variable)] = np.broadcast_to(zero, variable.shape)
        model.save(path)


@pytest.mark.parametrize("name", applications.CLAIMS)
def test_an_application(name, tmp_path):
    path = tmp_path / f"{name}.keras"
    try:
        with without_allocation():
            model = zoo.build(name)
            save(model, path)
        audit = ka.audit(path)
        assert path.stat().st_size > 4 * model.count_params()  # the weights are in it
    finally:
        path.unlink(missing_ok=True)
        keras.utils.clear_session()
    assert (audit.status, audit.findings) == ("ok", ())
    totals = audit.totals
    assert totals.derived == totals.stored == totals.params == model.count_params()
    assert totals.stored == sum(row.stored or 0 for row in audit.layers)
    assert totals.coverage == 1
    held = [(w.stored_shape, w.dtype) for w in audit.weights]
    assert sorted(held) == sorted((tuple(w.shape), w.dtype) for w in model.weights)
