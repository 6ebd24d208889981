"""Files, read without Keras and with nothing in them executed: a model's config as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.errors import TargetError
from kerasaudit.observation.observed import Observation

__all__ = ["from_config", "looks_like_config", "read_config"]


def read_config(path: Path, limits: Limits = DEFAULT_LIMITS) -> Mapping[str, Any]:
    """Read the JSON that `model.to_json()` writes.

    Raises:
        TargetError: the file is too large, or not JSON, or not a model's config.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limits.config_bytes + 1)
    except OSError as error:
        raise TargetError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > limits.config_bytes:
        raise TargetError(
            f"{path}: expected a config of at most {limits.config_bytes:,} bytes, received more"
        )
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise TargetError(f"{path}: expected a model's config as JSON, but {reason}") from error
    if not looks_like_config(value):
        keys = sorted(map(str, value))[:6] if isinstance(value, Mapping) else type(value).__name__
        raise TargetError(
            f"{path}: expected the config of a Keras model (class_name and config with layers), "
            f"received {keys}"
        )
    return dict(value)


def looks_like_config(value: object) -> bool:
    """Whether a value has the form of a serialised Keras model."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("class_name"), str)
        and isinstance(value.get("config"), Mapping)
        and isinstance(value["config"].get("layers"), (list, tuple))
    )


def from_config(config: Mapping[str, Any]) -> Observation:
    """The observation of a config alone: nothing is held, so there is nothing to reconcile with."""
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return Observation(
        name=name if isinstance(name, str) else str(config.get("class_name", "model")),
        class_name=str(config.get("class_name")),
        config=config,
    )
