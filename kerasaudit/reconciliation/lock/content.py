"""What a lock holds of a model: its architecture and its figures, and nothing that churns.

No version of Keras, no time and no absolute path are in it, so that the lock of an unchanged model
never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerasaudit.derivation.shape import Shape
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.changes import ComparedLayer, form, params_of
from kerasaudit.reconciliation.comparison import ComparedModel, Taken, compared
from kerasaudit.reconciliation.differences import Side
from kerasaudit.reconciliation.fingerprint import Fingerprint, Key
from kerasaudit.reconciliation.result import LayerRow, Totals, WeightRow
from kerasaudit.version import RULES

__all__ = [
    "LAYER_TALLIES",
    "TOTALS",
    "Lock",
    "LockedLayer",
    "LockedWeight",
    "lock_of",
    "model_of",
]

# The tallies that a lock of schema version 1 holds. Another one needs another version: a lock that
# does not have it must not pass for one in which it is not known. What training keeps beside a
# model is none of it: a model is the locked one also when it is trained.
TOTALS = (
    *("params", "derived", "observed", "stored", "reported", "trainable", "non_trainable"),
    *("macs", "backward_macs", "derived_partly"),
    *("layers", "layers_derived", "layers_unsupported", "layers_exempt", "coverage"),
    *("logical", "adapter", "bytes", "bytes_by_dtype"),
    *("activation_elements", "activation_bytes", "peak_activation_bytes"),
    *("frozen", "statistics", "seed_state", "recurrent_state"),
)
LAYER_TALLIES = (
    *("params", "trainable", "non_trainable", "logical", "adapter"),
    *("macs", "backward_macs", "bytes", "activation_elements", "activation_bytes", "calls"),
)


@dataclass(frozen=True, slots=True)
class LockedWeight:
    """A weight: its name in the layer, and what it is; `None` where that is not known."""

    name: str
    shape: tuple[int, ...] | None
    dtype: str | None
    trainable: bool | None


@dataclass(frozen=True, slots=True)
class LockedLayer:
    """A layer: what its config says, what it takes, and its figures.

    `kind` is the class as its rule is found by. `config` are the values of its config, as a
    fingerprint has them, `names` those of layers in it. `takes` says what each of its calls takes,
    `None` where that is not known. `tallies` are those of `LAYER_TALLIES`.
    """

    path: str
    class_name: str
    kind: str
    config: Mapping[Key, Any]
    names: Mapping[Key, str]
    takes: tuple[tuple[Taken, ...], ...] | None
    output_shape: Any
    weights: tuple[LockedWeight, ...]
    tallies: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Lock:
    """A model as it was locked, by the rules of a version.

    `target` is the model's, without the place where it was named. `outputs` says where the model's
    outputs come from, `None` where that is not known. `totals` are those of `TOTALS`.
    """

    rules: int
    target: str
    name: str
    class_name: str
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Any, ...]
    outputs: tuple[tuple[Taken, ...], ...] | None
    totals: Mapping[str, Any]
    layers: tuple[LockedLayer, ...]


def lock_of(audited: Audited, target: str) -> Lock:
    """The lock of an audited model.

    Args:
        audited: the model.
        target: what the lock calls it: `naming.recorded_target`.

    >>> from kerasaudit.observation.target import one_subject
    >>> from kerasaudit.reconciliation.audit import examine
    >>> net = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 64]}},
    ...     {"class_name": "Dense", "config": {"name": "out", "units": 10}},
    ... ]}}
    >>> lock = lock_of(examine(one_subject(net)), "net")
    >>> lock.layers[1].config["units",], lock.layers[1].tallies["params"]
    (10, 650)
    """
    model = compared(audited)
    return Lock(
        rules=RULES,
        target=target,
        name=model.side.name,
        class_name=model.side.class_name,
        input_shapes=_tuples(model.side.input_shapes),
        output_shapes=_tuples(model.side.output_shapes),
        outputs=_takes(model, None),
        totals={name: getattr(model.totals, name) for name in TOTALS},
        layers=tuple(_locked(layer, _takes(model, layer.row.path)) for layer in model.layers),
    )


def _locked(layer: ComparedLayer, takes: tuple[tuple[Taken, ...], ...] | None) -> LockedLayer:
    row, config = layer
    return LockedLayer(
        path=row.path,
        class_name=row.class_name,
        kind=config.kind,
        config={key: one for key, one in config.values.items() if one is not None},
        names=dict(config.names),
        takes=takes,
        output_shape=_tuples(row.output_shape),
        weights=tuple(LockedWeight(weight.name, *form(weight)[1:]) for weight in row.weights),
        tallies={"params": params_of(row)}
        | {name: getattr(row, name) for name in LAYER_TALLIES if name != "params"},
    )


def _takes(model: ComparedModel, path: str | None) -> tuple[tuple[Taken, ...], ...] | None:
    calls = model.inputs.get(path)
    return None if calls is None else tuple(map(tuple, calls))


def _tuples(value: Any) -> Any:
    """Shapes as a lock has them, whatever sequence they come in."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


# -- a lock as one side of a comparison -----------------------------------------------------------


def model_of(lock: Lock, place: str) -> ComparedModel:
    """A locked model as it is compared.

    Args:
        lock: the model.
        place: what the comparison calls it: the lock's file.
    """
    inputs: dict[str | None, tuple[tuple[Taken, ...], ...]] = {
        one.path: one.takes for one in lock.layers if one.takes is not None
    }
    if lock.outputs is not None:
        inputs[None] = lock.outputs
    return ComparedModel(
        side=Side(
            target=place,
            name=lock.name,
            class_name=lock.class_name,
            status="ok",
            layers=len(lock.layers),
            input_shapes=lock.input_shapes,
            output_shapes=lock.output_shapes,
        ),
        layers=tuple(map(_compared, lock.layers)),
        inputs=inputs,
        connections_known=lock.outputs is not None
        and all(one.takes is not None for one in lock.layers if one.tallies["calls"]),
        totals=Totals(**lock.totals),
    )


def _compared(layer: LockedLayer) -> ComparedLayer:
    figures = {name: value for name, value in layer.tallies.items() if name != "params"}
    row = LayerRow(
        path=layer.path,
        class_name=layer.class_name,
        status="ok",
        formula=None,
        working=None,
        derived=layer.tallies["params"],
        observed=None,
        stored=None,
        reported=None,
        output_shape=layer.output_shape,
        weights=tuple(_weight_row(layer.path, weight) for weight in layer.weights),
        **figures,  # type: ignore[arg-type] # `calls` alone may not be None, and never is: see `file`
    )
    return ComparedLayer(row, Fingerprint(layer.kind, layer.config, layer.names))


def _weight_row(layer: str, weight: LockedWeight) -> WeightRow:
    return WeightRow(
        layer=layer,
        name=weight.name,
        path=None,
        shape=weight.shape,
        axes=(),
        formula=None,
        working=None,
        derived=None,
        observed_shape=None,
        observed=None,
        dtype=weight.dtype,
        trainable=weight.trainable,
    )
