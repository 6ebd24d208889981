"""Derived weights beside those of a file, which bear numbers and no names.

Within a layer, and within each layer that it holds ("query", "forward_lstm/lstm_cell"), number n
is the n-th variable that Keras saves: the derived weights in their order, but for three things.
A quantised layer saves in an order of its own; adapters (LoRA) are merged into the kernel and not
saved; and SpectralNormalization saves the kernel of the layer that it holds a second time.
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
    *("reverse_embeddings", "reverse_embeddings_scale"),
    *("kernel_amax_history", "outputs_grad_scale", "outputs_grad_amax_history"),
    *("kernel_zero", "embeddings_zero", "g_idx"),
)
# These save the weights as derived, but for the zero points, without which Keras 3.15 itself can
# no longer load them: a weight is missing, and it is these.
_PACKED_BY_DATA = ("gptq", "awq")
_FORGOTTEN = ("kernel_zero", "zero_point")

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
        yield from pair_by_name(derived, stored)  # a legacy file, which has names
        return
    ours, theirs = _by_part(_in_saved_order(layer)), _by_part(stored)
    theirs = _under_our_names(ours, theirs)
    found: dict[str, ObservedWeight] = {}
    left: list[ObservedWeight] = []
    for part, weights in theirs.items():
        expected = _saved(layer, ours.get(part, []), len(weights))
        skipped = _saved_before(expected)
        for weight in weights:
            number = (_number(weight) or 0) - skipped
            if number < 0 and any(weight.shape == one.shape for one in derived):
                continue
            if 0 <= number < len(expected) and expected[number].name not in found:
                name = expected[number].name
                found[name] = replace(weight, name=name)
            else:
                left.append(weight)
    for one in derived:
        yield one, found.get(one.name)
    for rest in left:
        yield None, rest


def _number(weight: ObservedWeight) -> int | None:
    number = weight.name.rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None


def _by_part(weights: Iterable[_Named]) -> dict[str, list[_Named]]:
    """The weights by the layer within the layer that holds them."""
    found: dict[str, list[_Named]] = {}
    for weight in weights:
        found.setdefault(weight.name.rpartition("/")[0], []).append(weight)
    return found


def _in_saved_order(layer: Layer) -> list[Weight]:
    weights = [weight for weight in layer.weights or () if not is_merged(weight)]
    quantization = layer.config.quantization
    if quantization is None or quantization.partition("/")[0] in _PACKED_BY_DATA:
        return weights
    places = {name: place for place, name in enumerate(_QUANTISED)}
    return sorted(weights, key=lambda weight: places.get(_own_name(weight), len(places)))


def _saved(layer: Layer, expected: list[Weight], count: int) -> list[Weight]:
    """The weights of a part that Keras saves, of which there are `count`."""
    mode = (layer.config.quantization or "").partition("/")[0]
    if mode not in _PACKED_BY_DATA or count >= len(expected):
        return expected
    return [weight for weight in expected if _own_name(weight) not in _FORGOTTEN]


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
