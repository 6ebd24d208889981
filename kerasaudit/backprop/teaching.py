"""Working a model through on one input: what `kerasaudit explain TARGET --weight …` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kerasaudit.backend import importing
from kerasaudit.backprop.example import assign, batch_of, parse_element
from kerasaudit.backprop.explain import LIMIT, checked_index, loss_of
from kerasaudit.backprop.lesson import Grid, Lesson, Values
from kerasaudit.backprop.paths.chain import Chain, chain_of
from kerasaudit.backprop.paths.explaining import descents, explain_element
from kerasaudit.backprop.paths.notation import INPUT, Name, weight_name
from kerasaudit.backprop.paths.stage import Stage
from kerasaudit.backprop.rule import Array
from kerasaudit.errors import TargetError
from kerasaudit.gradients.training import read_data
from kerasaudit.observation.target import resolve_builder
from kerasaudit.zoo import Example

__all__ = ["teach", "teach_target"]

# With at most so many elements in all its weights, a model has every one of them explained; of a
# larger one the chosen weight, if that is so small; else the chosen element alone.
_EVERY = 64


def teach_target(
    target: str,
    element: str,
    *,
    data: str | None = None,
    loss: str | None = None,
    seed: int | None = None,
    arguments: Mapping[str, Any] | None = None,
    limit: int = LIMIT,
) -> Lesson:
    """Build the model that a target names, and explain an element of one of its weights.

    Args:
        target: one builder: `file.py::builder`, `zoo:NAME`, …
        element: the path of a weight with the element's index: "conv2d/kernel[0,0,0,0]".
        data: a `.npz` file with x and y; `None`: the example that the builder states.
        loss: the name of a loss; `None`: the builder's.
        seed: initialise the weights by it, instead of the values that the builder states.
        arguments: keyword arguments for the builder.
        limit: list at most so many paths.

    Raises:
        TargetError: the target is no single builder, or there is nothing to feed it.
        ConfigError: there is no such element, or no loss is known.
        UnsupportedError: a layer is not explained path by path.
    """
    weight, index = parse_element(element)
    subject, build = resolve_builder(target, arguments)
    example = subject.example
    with importing(target):
        import keras
    keras.utils.set_random_seed(0 if seed is None else seed)
    model = build()
    if example is not None and seed is None:
        assign(model, example.weights)
    x, y = _batch(target, data, example)
    if loss is None and not getattr(model, "compiled", False) and example is not None:
        loss = example.loss
    return teach(
        model, x, y, weight, index, loss, target=target, summary=subject.summary, limit=limit
    )


def _batch(target: str, data: str | None, example: Example | None) -> tuple[Any, Any]:
    if data is not None:
        read = read_data(data)
        if isinstance(read.x, Mapping) or isinstance(read.y, Mapping):
            raise TargetError(f"{data}: expected one x and one y, received several")
        if read.sample_weight is not None:
            raise TargetError(f"{data}: expected no sample_weight: no path shows its factor")
        return read.x, read.y
    if example is None:
        raise TargetError(f"{target}: expected --data FILE.npz, as its builder states no example")
    return batch_of(example)


def teach(
    model: Any,
    x: Any,
    y: Any,
    weight: str,
    index: Sequence[int],
    loss: Any = None,
    *,
    target: str = "",
    summary: str = "",
    limit: int = LIMIT,
) -> Lesson:
    """Work a live model through on a batch; see `kerasaudit.explain` for the arguments."""
    chain = chain_of(model, x)
    floor, name = chain.at(weight)
    weight = f"{chain.stages[floor].path}/{name}"
    chosen = (weight, checked_index(chain, weight, index))
    value, above = loss_of(model, chain, y, loss)
    floors = {chain.at(path)[0] for path, _ in _elements(chain, weight, chosen)}
    down = {floor: descents(chain, floor, above) for floor in floors}
    explanations = tuple(
        explain_element(chain, path, at, down[chain.at(path)[0]], value, limit)
        for path, at in _elements(chain, weight, chosen)
    )
    places = [(one.weight, one.index) for one in explanations]
    return Lesson(
        name=chain.model,
        target=target or chain.model,
        summary=summary,
        loss_name=str(loss if loss is not None else getattr(model, "loss", "")),
        loss=value,
        examples=len(chain.inputs),
        y=np.asarray(y).tolist(),
        grids=tuple(_grids(chain)),
        weights=tuple(_values(chain)),
        explanations=explanations,
        chosen=places.index(chosen),
    )


def _elements(
    chain: Chain, weight: str, chosen: tuple[str, tuple[int, ...]]
) -> list[tuple[str, tuple[int, ...]]]:
    """The elements to explain, in the order of the layers."""
    held = {one.path: one.shape for one in _values(chain)}
    if sum(int(np.prod(shape)) for shape in held.values()) > _EVERY:
        held = {weight: held[weight]} if weight in held else {}
    if sum(int(np.prod(shape)) for shape in held.values()) > _EVERY or not held:
        return [chosen]
    return [(path, index) for path, shape in held.items() for index in np.ndindex(shape)]


def _values(chain: Chain) -> Iterator[Values]:
    """The weights that have a gradient."""
    for stage, plain in zip(chain.stages, chain.plain, strict=True):
        for name, values in stage.weights.items():
            path = f"{stage.path}/{name}"
            if not name.startswith("moving_") and path not in chain.penalised:
                yield Values(
                    weight_name(stage, name, plain),
                    path,
                    values.shape,
                    tuple(values.ravel().tolist()),
                )


def _grids(chain: Chain) -> Iterator[Grid]:
    """The input and every stage's output, with what the stage after it took."""
    arrays: list[tuple[Name, str, str, Array]] = [(INPUT, "", "input", chain.inputs[0])]
    for name, stage in zip(chain.names, chain.stages, strict=True):
        arrays.append((name, stage.path, stage.layer.class_name, stage.outputs[0]))
    after: tuple[Stage | None, ...] = (*chain.stages, None)
    for (name, path, class_name, values), above in zip(arrays, after, strict=True):
        pool = above if above is not None and above.kind == "pooling" and above.selects else None
        yield Grid(
            name,
            path,
            class_name,
            tuple(values.shape),
            tuple(values.ravel().tolist()),
            frozenset() if pool is None else _winners(pool),
            None if pool is None else _block(pool),
        )


def _winners(stage: Stage) -> frozenset[int]:
    return frozenset(stage.edges(0, np.arange(stage.size)).source.tolist())


def _block(stage: Stage) -> tuple[int, ...] | None:
    """The windows of a pooling whose windows lie side by side."""
    size = stage.layer.get("pool_size")
    strides = stage.layer.get("strides", size)
    if not isinstance(size, (list, tuple)) or list(strides) != list(size):
        return None
    return tuple(size)
