"""What all tests share: a quiet Keras, layers named as in a new process, generated examples.

Each property test has a number of examples of its own; the environment variable
KERASAUDIT_EXAMPLES multiplies it (`KERASAUDIT_EXAMPLES=20 pytest tests/derivation` before a
release). Under CI the examples are the same in every run.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

# The first example of a process imports Keras, so neither deadlines nor slowness mean anything.
_SHARED = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("local", **_SHARED)
settings.register_profile("ci", derandomize=True, **_SHARED)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture
def keras():
    """Keras, with its automatic layer names starting anew ("dense", "dense_1", …)."""
    import keras

    keras.utils.clear_session(free_memory=False)
    return keras
