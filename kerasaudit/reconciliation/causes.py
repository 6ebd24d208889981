"""The likely cause of a wrong shape: the one config value whose change would explain it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kerasaudit.derivation.architecture import Layer
from kerasaudit.derivation.rule import derive
from kerasaudit.errors import KerasAuditError
from kerasaudit.observation.observed import ObservedLayer

__all__ = ["likely_cause"]

_SWITCHES = ("use_bias", "scale", "center", "renorm", "rms_scaling")
_COUNTS = ("filters", "units", "projection_dim", "depth_multiplier")


def likely_cause(layer: Layer, observed: ObservedLayer) -> str | None:
    """Name the one config value whose change gives exactly the observed shapes, if there is one."""
    wanted = sorted(weight.shape for weight in observed.weights or ())
    shapes = next((call.input_shapes for call in layer.calls if call.derivation), None)
    if not wanted or shapes is None:
        return None
    x = shapes[0] if len(shapes) == 1 else shapes
    for key, value in _variants(layer.config.config, observed):
        changed = {**layer.config.serialised, "config": {**layer.config.config, key: value}}
        try:
            derivation = derive(changed, x)
        except KerasAuditError:
            continue
        if sorted(weight.shape for weight in derivation.weights) == wanted:
            return f"the observed shapes equal {key}={value}"
    return None


def _variants(config: Mapping[str, Any], observed: ObservedLayer) -> Iterator[tuple[str, Any]]:
    """Config values that are easily lost or changed, each with another value to try."""
    filters = config.get("filters")
    if "groups" in config and isinstance(filters, int):
        divisors = (g for g in range(1, max(filters, 1) + 1) if filters % g == 0)
        yield from (("groups", g) for g in divisors if g != config["groups"])
    for key in _SWITCHES:
        if isinstance(config.get(key), bool):
            yield key, not config[key]
    extents = sorted({extent for weight in observed.weights or () for extent in weight.shape})
    for key in _COUNTS:
        if isinstance(config.get(key), int):
            yield from ((key, extent) for extent in extents if extent != config[key])
    if config.get("data_format") in ("channels_last", "channels_first"):
        first = config["data_format"] == "channels_first"
        yield "data_format", "channels_last" if first else "channels_first"
    size = config.get("kernel_size")
    for weight in observed.weights or ():
        if isinstance(size, (list, tuple)) and len(weight.shape) == len(size) + 2:
            yield "kernel_size", list(weight.shape[: len(size)])
