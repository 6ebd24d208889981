"""Derived weights beside those of a file, which bear numbers and no names.

Within a layer, and within each layer that it holds ("query", "forward_lstm/lstm_cell"), number n
is the n-th variable that Keras saves: the derived weights in their order, but for three things.
A quantised layer saves in an order of its own; adapters (LoRA) are merged into the kernel and not
saved; and SpectralNormalization saves the kernel of the layer that it holds a second time.
A legacy file has names instead.
Source: `save_own_variables` and `variable_serialization_spec` in Keras's layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from kerasaudit.derivation.architecture import Layer
from kerasaudit.derivation.weight import Weight
from kerasaudit.observation.observed import ObservedWeight
from kerasaudit.pairing import pair_by_name

__all__ = ["is_merged", "pair_stored"]

_Named = TypeVar("_Named", Weight, ObservedWeight)

# In which order a quantised layer saves what it holds; what is not named comes last, as derived.
_QUANTISED = (
    *("kernel", "embeddings", "bias"),
    *("inputs_scale", "inputs_amax_history", "kernel_scale", "embeddings_scale"),
    *("kernel_amax_history", "outputs_grad_scale", "outputs_grad_amax_history"),
    *("kernel_zero", "embeddings_zero", "g_idx"),
    *("reverse_embeddings", "reverse_embeddings_scale", "reverse_embeddings_zero"),
)
# GPTQ and AWQ kernels: saved as derived, but for the zero points, without which Keras 3.15 itself
# can no longer load them: a weight is missing, and it is these.
_PACKED_BY_DATA = "uint8"
_FORGOTTEN = ("kernel_zero", "zero_point")

# What a part that is quantised holds besides, where no config says that it is.
_UNSAID = {
    len(names): dict(enumerate(names))
    for names in (
        ("kernel_scale",),
        ("kernel_scale", "kernel_zero", "g_idx"),
        (
            *("inputs_scale", "inputs_amax_history", "kernel_scale", "kernel_amax_history"),
            *("outputs_grad_scale", "outputs_grad_amax_history"),
        ),
    )
}

# The older names of attributes that hold layers, where a file has no layer names (before 3.6).
_ATTRIBUTES = {
    "query_dense": "query",
    "key_dense": "key",
    "value_dense": "value",
    "output_dense": "attention_output",
}


def is_merged(weight: Weight) -> bool:
    """Whether Keras saves a weight only as part of another: an adapter."""
    return weight.role == "adapter"


def pair_stored(
    layer: Layer, stored: Sequence[ObservedWeight]
) -> Iterator[tuple[Weight | None, ObservedWeight | None]]:
    """Each derived weight with the stored one of its place; what is left of each side alone."""
    derived = layer.weights or ()
    if not all(_number(weight) is not None for weight in stored):
        yield from pair_by_name(derived, _under_whole_names(derived, stored))  # a legacy file
        return
    ours, theirs = _by_part(w for w in derived if not is_merged(w)), _by_part(stored)
    theirs = _under_our_names(ours, theirs)
    found: dict[str, ObservedWeight] = {}
    left: list[ObservedWeight] = []
    for part in [*(p for p in ours if p in theirs), *(p for p in theirs if p not in ours)]:
        weights = theirs[part]
        expected = _in_saved_order(ours.get(part, []), len(weights))
        skipped = _saved_before(expected)
        for weight in weights:
            number = (_number(weight) or 0) - skipped
            if number < 0 and any(weight.shape == one.shape for one in derived):
                continue
            if 0 <= number < len(expected) and expected[number].name not in found:
                name = expected[number].name
                found[name] = replace(weight, name=name)
            else:
                left.append(_left_over(weight, part, number - len(expected), weights, expected))
    for one in derived:
        yield one, found.get(one.name)
    for rest in left:
        yield None, rest


def _left_over(
    weight: ObservedWeight,
    part: str,
    place: int,
    stored: Sequence[ObservedWeight],
    expected: Sequence[Weight],
) -> ObservedWeight:
    """A stored weight that none is derived for; by its name, where its place tells it."""
    unsaid = _UNSAID.get(len(stored) - len(expected), {}) if part else {}
    name = unsaid.get(place, weight.name.rpartition("/")[2])
    return replace(weight, name=f"{part}/{name}" if part else name)


def _under_whole_names(
    derived: Sequence[Weight], stored: Sequence[ObservedWeight]
) -> list[ObservedWeight]:
    """Named weights under the derived names of which theirs are the end, the longest first.

    A layer that was built before another came to hold it is saved under its own name alone:
    "dense/kernel" for "block/dense/kernel".
    """
    free = {one.name for one in derived}
    names: dict[str, str] = {}
    for weight in sorted(stored, key=lambda one: -one.name.count("/")):
        whole = (weight.name,) if weight.name in free else free
        ends = (name for name in whole if f"/{name}".endswith(f"/{weight.name}"))
        name = min(ends, key=lambda one: (one.count("/"), one), default=weight.name)
        free.discard(name)
        names[weight.path] = name
    return [replace(weight, name=names[weight.path]) for weight in stored]


def _number(weight: ObservedWeight) -> int | None:
    number = weight.name.rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None


def _by_part(weights: Iterable[_Named]) -> dict[str, list[_Named]]:
    """The weights by the layer within the layer that holds them."""
    found: dict[str, list[_Named]] = {}
    for weight in weights:
        found.setdefault(weight.name.rpartition("/")[0], []).append(weight)
    return found


def _in_saved_order(weights: list[Weight], count: int) -> list[Weight]:
    """The weights of a part as Keras saves them, of which there are `count`."""
    if not any(weight.role == "quantization" for weight in weights):
        return weights
    if not any(weight.dtype == _PACKED_BY_DATA for weight in weights):
        places = {name: place for place, name in enumerate(_QUANTISED)}
        return sorted(weights, key=lambda weight: places.get(_own_name(weight), len(places)))
    if count >= len(weights):
        return weights
    return [weight for weight in weights if _own_name(weight) not in _FORGOTTEN]


def _own_name(weight: Weight) -> str:
    return weight.name.rpartition("/")[2]


def _saved_before(expected: Sequence[Weight]) -> int:
    """How many of a part's first numbers are weights that another part has saved already.

    SpectralNormalization, by itself or in another layer, has one weight: the vector u.
    """
    return int([_own_name(weight) for weight in expected] == ["vector_u"])


def _under_our_names(
    ours: dict[str, list[Weight]], theirs: dict[str, list[ObservedWeight]]
) -> dict[str, list[ObservedWeight]]:
    """The stored parts under the derived parts' names.

    A file of before Keras 3.6 names the attributes ("query_dense", "forward_layer/cell"): a part
    is then the derived one that is called so, or the next in order.
    """
    known = {part: part for part in theirs if part in ours}
    rest = [part for part in ours if part not in known]
    for part in theirs:
        if part in known or not part:
            continue
        first = _ATTRIBUTES.get(part, part).partition("_")[0]
        match = next((one for one in rest if one.startswith(first)), None)
        chosen = match or next(iter(rest), None)
        if chosen is not None:
            rest.remove(chosen)
            known[part] = chosen
    return {known.get(part, part): weights for part, weights in theirs.items()}
