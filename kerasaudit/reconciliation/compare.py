"""The weights of one layer, derived against observed: paired, then compared one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from kerasaudit.derivation.architecture import Layer
from kerasaudit.derivation.weight import Weight
from kerasaudit.finding import Finding
from kerasaudit.observation.observed import ObservedLayer, ObservedWeight
from kerasaudit.pairing import pair_by_name
from kerasaudit.reconciliation.causes import likely_cause
from kerasaudit.reconciliation.findings import finding

__all__ = ["Pair", "compare", "pairs", "size_of"]


@dataclass(slots=True)
class Pair:
    """A weight on both sides; `None` where one side does not have it."""

    derived: Weight | None
    observed: ObservedWeight | None


def pairs(
    derived: tuple[Weight, ...] | None, observed: tuple[ObservedWeight, ...] | None
) -> Iterator[Pair]:
    """Each derived weight with the observed one of its name, else with the next one in order."""
    for ours, theirs in pair_by_name(derived or (), observed or ()):
        yield Pair(ours, theirs)


def compare(layer: Layer, observed: ObservedLayer, paired: list[Pair]) -> Iterator[Finding]:
    """Yield a finding for each weight that is on one side only, or not the same on both."""
    unrecorded = _unrecorded_quantization(layer, observed)
    if unrecorded is not None:
        yield unrecorded
        return
    cause: str | None = None
    if any(
        p.derived is None or p.observed is None or p.derived.shape != p.observed.shape
        for p in paired
    ):
        cause = likely_cause(layer, observed)
    for pair in paired:
        ours, theirs = pair.derived, pair.observed
        if ours is None and theirs is not None:
            yield finding(
                "KA103",
                layer.path,
                f"{layer.config}: {theirs.name} is held with shape {theirs.shape}, "
                "but the config implies no such weight",
                observed=str(theirs.shape),
                difference=size_of(theirs),
                cause=cause,
            )
        elif ours is not None and theirs is None:
            yield finding(
                "KA102",
                layer.path,
                f"{layer.config}: {ours.name} is derived with shape {ours.shape}, but not held",
                formula=ours.formula,
                working=ours.working,
                expected=str(ours.shape),
                difference=-ours.count,
                cause=cause,
            )
        elif ours is not None and theirs is not None:
            yield from _compare_weight(layer, ours, theirs, cause)


def _compare_weight(
    layer: Layer, ours: Weight, theirs: ObservedWeight, cause: str | None
) -> Iterator[Finding]:
    if ours.shape != theirs.shape:
        yield finding(
            "KA101",
            layer.path,
            f"{layer.config}: {ours.name} is derived as {ours.formula} = {ours.working} = "
            f"{ours.count:,}, observed {theirs.shape} = {size_of(theirs):,}, "
            f"difference {size_of(theirs) - ours.count:+,}",
            formula=ours.formula,
            working=ours.working,
            expected=str(ours.shape),
            observed=str(theirs.shape),
            difference=size_of(theirs) - ours.count,
            cause=cause,
        )
    adapted = layer.config.get("lora_rank") is not None
    if adapted and theirs.trainable and not ours.trainable:
        message = f"{layer.config}: {ours.name} is trained beside its LoRA adapters"
        yield finding("KA117", layer.path, message, expected="not trainable", observed="trainable")
    elif ours.trainable != theirs.trainable:
        words = {True: "trainable", False: "not trainable"}
        yield finding(
            "KA104",
            layer.path,
            f"{layer.config}: {ours.name} is derived as {words[ours.trainable]}, "
            f"observed as {words[theirs.trainable]}",
            expected=words[ours.trainable],
            observed=words[theirs.trainable],
        )
    integer = ours.dtype == "int" and theirs.dtype in ("int32", "int64")
    if ours.dtype != theirs.dtype and not integer:
        yield finding(
            "KA105",
            layer.path,
            f"{layer.config}: {ours.name} is derived as {ours.dtype}, observed as {theirs.dtype}",
            expected=ours.dtype,
            observed=theirs.dtype,
        )


def _unrecorded_quantization(layer: Layer, observed: ObservedLayer) -> Finding | None:
    """The finding that parts of a layer are quantised of which its config says nothing."""
    derived = {weight.name for weight in layer.weights or ()}
    parts = [
        weight.name.rpartition("/")[0]
        for weight in observed.weights or ()
        if weight.name.endswith(("/kernel_scale", "/embeddings_scale"))
        and weight.name not in derived
    ]
    if not parts:
        return None
    held = sum(map(size_of, observed.weights or ()))
    count = sum(weight.count for weight in layer.weights or ())
    return finding(
        "KA118",
        layer.path,
        f"{layer.config}: {', '.join(parts)} are quantised and hold {held:,} elements with the "
        f"rest; the config says nothing of it and implies {count:,}",
        expected=str(count),
        observed=str(held),
        difference=held - count,
    )


def size_of(weight: ObservedWeight) -> int:
    """How many elements an observed weight has."""
    return math.prod(weight.shape)
