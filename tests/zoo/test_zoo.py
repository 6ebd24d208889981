"""Builders: what the decorator keeps, what the zoo finds."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from kerasaudit import zoo


def test_the_decorated_function_is_unchanged():
    @ka.builder(source="s", claims=[ka.Claim("out", "1")], exempt={"x": "why"}, name="n")
    def function():
        """First line.

        More.
        """
        return 3

    assert function() == 3
    entry = zoo.as_builder(function)
    assert (entry.name, entry.source, entry.summary) == ("n", "s", "First line.")
    assert entry.claims[0].subject == "out"
    assert entry.exempt == {"x": "why"}


def test_the_bundled_models_have_names_sources_and_summaries():
    names = ka.zoo.names()
    assert {"cnn_coding", "cnn_backpropagation", "lenet5", "vgg16", "resnet50"} <= set(names)
    for name in names:
        entry = zoo.find(name)
        assert entry.source
        assert entry.summary


def test_build_gives_a_live_model():
    assert ka.zoo.build("cnn_coding").count_params() == 320 + 18_496 + (5 * 5 * 64 * 10 + 10)


def test_a_name_that_is_not_there_suggests_the_nearest():
    with pytest.raises(ka.TargetError, match="did you mean cnn_coding"):
        zoo.find("cnn_codin")


def test_builders_import_from_the_repository():
    from models.cnn_coding import cnn_coding

    assert zoo.as_builder(cnn_coding).name == "cnn_coding"
