"""A live model saved by Keras: the audit of each file held against the audit of the model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import kerasaudit as ka

# The ways in which Keras saves a model. Weights alone are audited against the model itself.
FORMS = ("keras", "weights.h5", "h5")

# What is wrong with what is trained: no file says what is.
OF_TRAINING = {"KA104", "KA117"}

# A legacy file gives a class the name that it has in Keras's code.
CLASS_NAMES = {"GroupedQueryAttention": "GroupQueryAttention"}


def write(model, path):
    """Save in the form that the file's name says; `False` where Keras cannot."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    elif path.suffix == ".keras":
        model.save(path)
    elif "keras.src.ops." in model.to_json():
        return False  # it could, and can no longer load it: to a legacy file all nodes are layers
    else:
        try:
            model.save(path)
        except (NotImplementedError, TypeError):  # a subclassed model; a config that holds a module
            return False
    return True


def audits(model, forms=FORMS):
    """The audit of each file that Keras saves the model in, by form."""
    with TemporaryDirectory() as folder:
        paths = {form: Path(folder) / f"model.{form}" for form in forms}
        return {
            form: ka.audit(path, against=model if form == "weights.h5" else None)
            for form, path in paths.items()
            if write(model, path)
        }


def held(row, side):
    """A layer's weights with their shapes and dtypes, by name where they are derived."""
    shapes = f"{side}_shape"
    weights = [weight for weight in row.weights if getattr(weight, shapes) is not None]
    if row.derived is None:
        return Counter((getattr(weight, shapes), weight.dtype) for weight in weights)
    return {weight.name: (getattr(weight, shapes), weight.dtype) for weight in weights}


def found(audit, *without):
    """The findings but for those of training and those of what a file can carry."""
    return sorted(
        (one.code, one.path, one.difference)
        for one in audit.findings
        if one.code not in OF_TRAINING and not one.code.startswith("KA3")
    )


def assert_same(model, forms=FORMS):
    """Assert that each file says what the model says; return the model's audit."""
    live = ka.audit(model)
    for form, audit in audits(model, forms).items():
        assert found(audit) == found(live), form
        assert [row.path for row in audit.layers] == [row.path for row in live.layers], form
        for mine, theirs in zip(audit.layers, live.layers, strict=True):
            assert_same_layer(mine, theirs, form)
        totals = audit.totals
        assert totals.derived == live.totals.derived, form
        merged = 0 if form == "h5" else live.totals.adapter or 0
        assert totals.stored == live.totals.observed - merged == model.count_params() - merged, form
    return live


def assert_same_layer(mine, theirs, form):
    where = (form, theirs.path)
    assert CLASS_NAMES.get(mine.class_name, mine.class_name) == theirs.class_name, where
    assert mine.derived == theirs.derived, where
    expected = held(theirs, "observed")
    if form != "h5":  # which holds adapters as they are: the others hold them in the kernel
        for weight in theirs.weights:
            if weight.role == "adapter":
                del expected[weight.name]
    assert held(mine, "stored") == expected, where
    assert (mine.stored or 0) == sum(weight.stored or 0 for weight in mine.weights), where
