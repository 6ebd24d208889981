"""Every public class of the installed Keras's `keras.layers` has a rule, or is no layer."""

from __future__ import annotations

import inspect

import keras
import pytest
from keras.src.api_export import get_name_from_symbol

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import find_rule

NO_LAYERS = {
    "Layer": "the base class: a model holds its subclasses",
    "InputSpec": "describes what a layer takes, and is none",
}

CLASSES = dict(inspect.getmembers(keras.layers, inspect.isclass))


@pytest.mark.parametrize("name", sorted(set(CLASSES) - set(NO_LAYERS)))
def test_a_public_layer_has_a_rule(name):
    # MaxPool2D is another name of MaxPooling2D: a config holds the one that Keras writes.
    module, _, written = get_name_from_symbol(CLASSES[name]).rpartition(".")
    serialised = {"module": module, "class_name": written, "config": {}}
    assert find_rule(LayerConfig(serialised)).documentation


def test_what_is_excluded_is_there_and_is_no_layer_that_a_model_holds():
    assert set(NO_LAYERS) <= set(CLASSES)
    assert CLASSES["Layer"] is keras.layers.Layer
    assert not issubclass(CLASSES["InputSpec"], keras.layers.Layer)
