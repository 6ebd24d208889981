"""What a live layer has become and its config does not say: one reason for several differences.

Adapters and quantisation change many weights of a layer at once. Where the config records them they
are derived; where it does not, comparing weight by weight would tell everything but the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from kerasaudit.derivation.architecture import Layer
from kerasaudit.finding import Finding
from kerasaudit.reconciliation.compare import Pair, size_of
from kerasaudit.reconciliation.findings import finding

__all__ = ["unrecorded"]

_ADAPTERS = ("lora_kernel_a", "lora_kernel_b", "lora_embeddings_a", "lora_embeddings_b")
_SCALES = ("kernel_scale", "embeddings_scale")


def unrecorded(layer: Layer, paired: Sequence[Pair]) -> tuple[list[Finding], list[Pair]]:
    """The findings that each explain several differences, and the pairs with what is left."""
    findings: list[Finding] = []
    pairs = list(paired)
    for explain in (_unfrozen, _adapted_parts, _quantized_parts, _uncalibrated):
        found, pairs = explain(layer, pairs)
        findings += found
    return findings, pairs


def _unfrozen(layer: Layer, pairs: list[Pair]) -> tuple[list[Finding], list[Pair]]:
    """A base kernel that is trained beside adapters that the config knows of."""
    adapted = {one.name for one in layer.weights or () if one.role == "adapter" and one.trainable}
    findings, left = [], []
    for pair in pairs:
        ours, theirs = pair.derived, pair.observed
        if ours and theirs and theirs.trainable and _first_adapter(ours.name) in adapted:
            message = f"{layer.config}: {ours.name} is trained beside its LoRA adapters"
            figures = {"expected": "not trainable", "observed": "trainable"}
            findings.append(finding("KA117", layer.path, message, **figures))
            left.append(_with_our_trainable(pair))
        else:
            left.append(pair)
    return findings, left


def _adapted_parts(layer: Layer, pairs: list[Pair]) -> tuple[list[Finding], list[Pair]]:
    """Adapters in layers that this one holds, whose configs it does not write."""
    adapters = [pair for pair in pairs if _is_extra(pair, _ADAPTERS)]
    if not adapters:
        return [], pairs
    parts, count = _parts(adapters), _held(adapters)
    message = (
        f"{layer.config}: {', '.join(parts)} have LoRA adapters of {count:,} parameters beside "
        "kernels that they froze; the config says nothing of it"
    )
    names = {_name(pair) for pair in adapters}
    left = [
        _with_our_trainable(pair) if _first_adapter(_name(pair)) in names else pair
        for pair in pairs
        if pair not in adapters
    ]
    return [finding("KA119", layer.path, message, difference=count)], left


def _quantized_parts(layer: Layer, pairs: list[Pair]) -> tuple[list[Finding], list[Pair]]:
    """Quantised layers that this one holds, whose policies it does not write."""
    parts = _parts(pair for pair in pairs if _is_extra(pair, _SCALES))
    if not parts:
        return [], pairs
    held, count = _held(pairs), sum(pair.derived.count for pair in pairs if pair.derived)
    message = (
        f"{layer.config}: {', '.join(parts)} are quantised and hold {held:,} elements with the "
        f"rest; the config says nothing of it and implies {count:,}"
    )
    figures = {"expected": str(count), "observed": str(held), "difference": held - count}
    # A bias is all that quantisation leaves as it was.
    left = [pair for pair in pairs if _part(pair) not in parts or _own_name(pair) == "bias"]
    return [finding("KA118", layer.path, message, **figures)], left


def _uncalibrated(layer: Layer, pairs: list[Pair]) -> tuple[list[Finding], list[Pair]]:
    """A float kernel that is held beside the packed one of the same name."""
    packed = {one.name for one in layer.weights or () if one.dtype == "uint8"}
    double = [pair for pair in pairs if pair.derived is None and _name(pair) in packed]
    findings = [
        finding(
            "KA120",
            layer.path,
            f"{layer.config}: {_name(pair)} is held in floats with {_held([pair]):,} parameters "
            "beside the packed one, which is not calibrated",
            difference=_held([pair]),
        )
        for pair in double
    ]
    return findings, [pair for pair in pairs if pair not in double]


# -- pairs ------------------------------------------------------------------------------------


def _is_extra(pair: Pair, names: tuple[str, ...]) -> bool:
    """Whether a part holds such a weight, and the config implies none."""
    return pair.derived is None and bool(_part(pair)) and _own_name(pair) in names


def _name(pair: Pair) -> str:
    weight = pair.observed or pair.derived
    return weight.name if weight else ""


def _part(pair: Pair) -> str:
    """The layer within the layer that a weight belongs to: "query" of "query/kernel"."""
    return _name(pair).rpartition("/")[0]


def _own_name(pair: Pair) -> str:
    return _name(pair).rpartition("/")[2]


def _parts(pairs: Iterable[Pair]) -> list[str]:
    return list(dict.fromkeys(map(_part, pairs)))


def _held(pairs: Sequence[Pair]) -> int:
    return sum(size_of(pair.observed) for pair in pairs if pair.observed)


def _first_adapter(base: str) -> str:
    """The name of a kernel's first adapter: "query/lora_kernel_a" of "query/kernel"."""
    part, slash, name = base.rpartition("/")
    return f"{part}{slash}lora_{name}_a"


def _with_our_trainable(pair: Pair) -> Pair:
    """The pair without the difference that is explained."""
    ours, theirs = pair.derived, pair.observed
    if ours is None or theirs is None:
        return pair
    return Pair(ours, replace(theirs, trainable=ours.trainable))
