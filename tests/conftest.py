"""What all tests share: a quiet Keras, and layers named as in a new process."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def keras():
    """Keras, with its automatic layer names starting anew ("dense", "dense_1", …)."""
    import keras

    keras.utils.clear_session(free_memory=False)
    return keras
