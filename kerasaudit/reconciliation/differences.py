"""The diff: one immutable result that says where two models part, and by how much."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasaudit.derivation.shape import Shape

if TYPE_CHECKING:
    import pandas

__all__ = [
    "ConnectionChange",
    "Diff",
    "LayerChange",
    "Side",
    "TallyChange",
    "ValueChange",
    "WeightChange",
]

# What training keeps beside a model: its tallies, and the one that adds them to the model's own.
_OF_TRAINING = frozenset({"metric_state", "optimizer_state", "summary_params"})

# Reports render results; results know no report. This one name is how a result asks for them.
_REPORTS = "kerasaudit.report"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: what it is, and how its own audit ended.

    `incomplete` are its findings that say what could not be audited, in a line each.
    """

    target: str
    name: str
    class_name: str
    status: str
    layers: int
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape | None, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value of a layer's config, under its dotted key; `None` where a side does not give it."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class WeightChange:
    """A weight that one side alone has, or that is another one. `None` on a side that has none."""

    old_name: str | None
    new_name: str | None
    old_shape: tuple[int, ...] | None
    new_shape: tuple[int, ...] | None
    old_dtype: str | None
    new_dtype: str | None
    old_trainable: bool | None
    new_trainable: bool | None

    @property
    def name(self) -> str:
        """Its name in the new model, or in the old one where it is gone."""
        return self.new_name or self.old_name or ""


@dataclass(frozen=True, slots=True)
class TallyChange:
    """A tally of both sides; `difference` is new minus old, `None` where a side is not known."""

    name: str
    old: int | float | None
    new: int | float | None
    difference: int | float | None

    @property
    def changed(self) -> bool:
        """Whether both sides are known and differ: what is not known is no difference."""
        return bool(self.difference)

    @property
    def of_training(self) -> bool:
        """Whether it tells what training keeps, and not what the model is."""
        return self.name in _OF_TRAINING


@dataclass(frozen=True, slots=True)
class LayerChange:
    """A layer that is not the same on both sides. `None` on a side that does not have it.

    `kind`: "added", "removed", "changed" (its class, config, weights, output shape or tallies),
    "renamed" (it, a model around it or a layer in it, and nothing else) or "moved" (its place among
    the layers alone). Positions count the layers from 0. `config` are the values that differ,
    `weights` the weights, `tallies` the figures; `old_params` and `new_params` are its parameters.
    """

    kind: str
    old_path: str | None
    new_path: str | None
    old_class_name: str | None
    new_class_name: str | None
    old_position: int | None
    new_position: int | None
    old_params: int | None
    new_params: int | None
    old_output_shape: Any
    new_output_shape: Any
    moved: bool = False
    config: tuple[ValueChange, ...] = ()
    weights: tuple[WeightChange, ...] = ()
    tallies: tuple[TallyChange, ...] = ()

    @property
    def path(self) -> str:
        """Its path in the new model, or in the old one where it is gone."""
        return self.new_path if self.new_path is not None else self.old_path or ""

    @property
    def class_name(self) -> str:
        """Its class in the new model, or in the old one where it is gone."""
        return self.new_class_name or self.old_class_name or ""

    @property
    def difference(self) -> int | None:
        """New parameters minus old; a layer that a side does not have counts as 0 there."""
        old = 0 if self.old_path is None else self.old_params
        new = 0 if self.new_path is None else self.new_params
        return None if old is None or new is None else new - old


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """A layer of both sides that takes its inputs from others now, call after call.

    An input is the path of the layer that makes it, with ":1" for its second output, or "input 0"
    for what the model is given. Paths of `None` stand for the model's own outputs. A layer that is
    only renamed is the same one.
    """

    old_path: str | None
    new_path: str | None
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """Where two models part. Layers in the order of the new one, what is gone at its old place.

    `status`: "equal", "different" or "incomplete" (one of them could not be audited in full, which
    outranks the rest). A model is equal to the same one trained: what training keeps beside it (the
    optimizer's variables, metrics) is among the totals and no difference. `unchanged` counts the
    layers that are the same. `totals` are all tallies, changed or not. `connections_known`: of both
    models it is known what feeds every layer, which a subclassed one does not tell.
    """

    old: Side
    new: Side
    status: str
    unchanged: int
    layers: tuple[LayerChange, ...]
    connections: tuple[ConnectionChange, ...]
    totals: tuple[TallyChange, ...]
    connections_known: bool = True

    @property
    def ok(self) -> bool:
        """Whether both were audited in full and nothing differs."""
        return self.status == "equal"

    @property
    def differs(self) -> bool:
        """Whether anything that is known on both sides differs."""
        changed = any(tally.changed and not tally.of_training for tally in self.totals)
        return bool(self.layers or self.connections) or changed

    @property
    def target(self) -> str:
        """Both targets."""
        return f"{self.old.target} → {self.new.target}"

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.old.name} → {self.new.name}"

    def to_frame(self, table: str = "layers") -> pandas.DataFrame:
        """A table of it as a DataFrame: "layers", "config", "weights", "connections", "totals"."""
        frames = importlib.import_module(f"{_REPORTS}.diff.frame")
        frame: pandas.DataFrame = frames.to_frame(self, table)
        return frame

    def save(self, path: str | Path) -> None:
        """Write a report; the suffix of `path` names its format: .html .csv .json .md .parquet.

        Raises:
            TargetError: no report has that suffix, or the file cannot be written.
        """
        importlib.import_module(_REPORTS).save([self], path)

    def _repr_html_(self) -> str:
        fragment: str = importlib.import_module(f"{_REPORTS}.diff.html").fragment(self)
        return fragment
