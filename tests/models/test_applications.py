"""Every model of keras.applications: derived whole, observed, published, and mutated."""

from __future__ import annotations

import gc

import pytest

from kerasaudit import zoo
from models import applications
from tests.models.mutations import (
    assert_clean,
    claim_survivors,
    config_survivors,
    examine,
    observation_survivors,
)

# The builders whose sources have slips, and the step that is one.
ERRATA = {
    "VGG16": {"15.3G"},
    "ResNet50": {"3.8G", "4.09G"},
    "MobileNet": {"529M"},
    "MobileNetV2": {"3.4M", "300M"},
    "NASNetMobile": {"7.7M"},
    "NASNetLarge": {"93.5M"},
    "ConvNeXtBase": {"88.5M"},
    "ConvNeXtLarge": {"197.7M"},
    "ConvNeXtXLarge": {"350.1M"},
    "MobileNetV3Large": {"5.4M"},
    "MobileNetV3Small": {"2.9M", "66M"},
}


def test_every_application_of_this_keras_has_an_entry():
    import keras

    functions = {name for name, value in vars(keras.applications).items() if callable(value)}
    assert set(applications.CLAIMS) == functions
    assert len(functions) >= 40


def test_every_entry_is_a_builder_of_the_zoo():
    entries = {b.name: b for b in zoo.builders_in(zoo.folder() / "applications.py")}
    assert list(entries) == list(applications.CLAIMS)
    for name, entry in entries.items():
        assert entry.function is getattr(applications, name)
        assert entry.summary.startswith(f"`keras.applications.{name}`")
        assert all(claim.source for claim in entry.claims)
        published = [claim for claim in entry.claims if claim.quantity == "params"]
        assert published, f"{name}: no published count"


@pytest.mark.parametrize("name", applications.CLAIMS)
def test_an_application(name):
    """One build each: the audit, then every kind of mutant from the same observation."""
    examined = examine(getattr(applications, name))
    free()
    assert_clean(examined.audit)
    assert examined.audit.totals.macs
    errata = {
        step.text
        for claim in examined.audit.claims
        for step in claim.steps
        if step.status == "erratum"
    }
    assert errata == ERRATA.get(name, set())
    paths = examined.spread()
    assert claim_survivors(examined) == []
    assert config_survivors(examined, paths) == []
    assert observation_survivors(examined, paths) == []


def free():
    import keras

    keras.utils.clear_session()
    gc.collect()
