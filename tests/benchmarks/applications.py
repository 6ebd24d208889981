"""Deriving every Keras application from its config JSON, against building and counting it."""

from __future__ import annotations

import inspect
import json
import os
import statistics
from collections.abc import Callable
from functools import partial

from kerasaudit.derivation.architecture import derive_architecture
from tests.benchmarks.measure import report, seconds

FLOOR = 100


def derive_and_count(text: str) -> int:
    architecture = derive_architecture(json.loads(text))
    return sum(weight.count for layer in architecture.layers for weight in layer.weights or ())


def build_and_count(function: Callable[..., object]) -> int:
    return function(weights=None).count_params()


def run() -> bool:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    builders = {
        name: function
        for name, function in sorted(vars(keras.applications).items())
        if inspect.isfunction(function)
    }
    print(f"applications: {len(builders)} models, built by Keras and counted, then derived")
    ratios, built_total, derived_total = [], 0.0, 0.0
    derive_and_count(_config(keras.applications.MobileNet, keras))  # both sides warm
    for function in builders.values():
        keras.utils.clear_session()
        built = seconds(partial(build_and_count, function))
        text = _config(function, keras)
        derived = statistics.median(seconds(partial(derive_and_count, text)) for _ in range(3))
        ratios.append(built / derived)
        built_total += built
        derived_total += derived
    print(
        f"applications: all together built in {built_total:.1f} s, derived in "
        f"{derived_total:.2f} s: {built_total / derived_total:,.0f} times"
    )
    held = report("applications: built / derived, a pair for each model", ratios, FLOOR)
    return held and built_total / derived_total >= FLOOR


def _config(function: Callable[..., object], keras: object) -> str:
    # Built once more for its JSON, outside the timing and without initialising its weights.
    with keras.StatelessScope(initialize_variables=False):
        text = function(weights=None).to_json()
        keras.utils.clear_session()
    return text
