"""Thresholds that a user gives: what is taken, and what is refused in one clear line."""

from __future__ import annotations

import numpy as np
import pytest

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.diagnosis import DIAGNOSES, Diagnosis
from kerasaudit.gradients.diagnosis.thresholds import resolve
from tests.gradients.diagnosis.blocks import Recording, network

THREE = network("a", "b", "c")


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (3, ["thresholds", "expected a mapping", "received 3"]),
        ({"vanishng": {}}, ["'vanishng'", "did you mean vanishing?", "non-finite"]),
        ({"vanishing": 1e-8}, ["thresholds['vanishing']", "or None", "received 1e-08"]),
        ({"vanishing": {"absolut": 1}}, ["'absolut'", "did you mean absolute"]),
        ({"vanishing": {"absolute": "1"}}, ["['absolute']", "a number", "received '1'"]),
        ({"vanishing": {"absolute": True}}, ["a number", "received True"]),
        ({"vanishing": {"absolute": -1.0}}, ["at least 0", "received -1.0"]),
        ({"vanishing": {"absolute": float("nan")}}, ["received nan"]),
        ({"vanishing": {"k": 1.5}}, ["['k']", "a whole number of at least 1", "received 1.5"]),
        ({"vanishing": {"k": 0}}, ["at least 1", "received 0"]),
        ({"vanishing": {"k": 11}}, ["k at most n", "k=11, n=10"]),
        ({"vanishing": {"warmup": True}}, ["at least 0", "received True"]),
        ({"dead": {"exempt": "Embedding"}}, ["a list of names", "received 'Embedding'"]),
        ({"dead": {"exempt": [1]}}, ["a list of names"]),
        ({"no-gradient": {"frozen": 1}}, ["True or False", "received 1"]),
    ],
)
def test_refused(given, parts):
    with pytest.raises(ConfigError) as error:
        Diagnosis(THREE, ("l2",), given)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_taken():
    given = {"vanishing": {"absolute": 1, "k": np.int64(2), "exempt": ["A"]}, "dead": None}
    made = resolve(given, DIAGNOSES)
    assert "dead" not in made
    assert set(made) == set(DIAGNOSES) - {"dead"}
    vanishing = made["vanishing"]
    assert (vanishing.absolute, vanishing.k, vanishing.exempt) == (1.0, 2, ("A",))
    assert vanishing.relative == DIAGNOSES["vanishing"].thresholds().relative
    assert resolve(None, DIAGNOSES) == {n: r.thresholds() for n, r in DIAGNOSES.items()}


def test_switched_off():
    recording = Recording(THREE, 20).zero("b")
    assert recording.names() == ["dead"]
    assert recording.names({"dead": None}) == []


def test_steps_of_every_tenth():
    recording = Recording(THREE, 20, every=10, first=30).zero("b", slice(4, 20))
    (found,) = recording.findings()
    assert (found.step, found.last_step) == (70, 220)
