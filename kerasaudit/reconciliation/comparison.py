"""Two models held together: layers added, removed, renamed and changed, and what each tally became.

Every figure is that of the two audits, or of a lock. What one side does not know is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from kerasaudit.derivation.architecture import Architecture, Source
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.reconciliation.alignment import Entry, align
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.changes import (
    ComparedLayer,
    added,
    changed,
    form,
    removed,
    tally_change,
)
from kerasaudit.reconciliation.differences import (
    ConnectionChange,
    Diff,
    LayerChange,
    Side,
    TallyChange,
)
from kerasaudit.reconciliation.fingerprint import Fingerprint, fingerprint, unnumbered
from kerasaudit.reconciliation.result import Audit, LayerRow, Totals

__all__ = ["ComparedModel", "Inputs", "Taken", "compare", "compare_audited", "compared"]

Taken = tuple[str | None, int]  # the layer that makes it, `None` for the model's input; which
Inputs = Mapping[str | None, Sequence[Sequence[Taken]]]


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """A model as it is compared.

    `inputs` says what each call of each layer takes, and under `None` the model's outputs; what is
    not known is not in it.
    """

    side: Side
    layers: tuple[ComparedLayer, ...]
    inputs: Inputs
    connections_known: bool
    totals: Totals


def compare_audited(old: Audited, new: Audited) -> Diff:
    """The diff of two models that are audited."""
    return compare(compared(old), compared(new))


def compare(old: ComparedModel, new: ComparedModel) -> Diff:
    """The diff of two models."""
    comparison = _Comparison(old, new)
    layers = tuple(comparison.layers())
    connections = tuple(comparison.connections())
    found = Diff(
        old=old.side,
        new=new.side,
        status="equal",
        unchanged=comparison.unchanged,
        layers=layers,
        connections=connections,
        totals=tuple(_total_changes(old.totals, new.totals)),
        connections_known=old.connections_known and new.connections_known,
    )
    return replace(found, status=_status(found))


def _status(found: Diff) -> str:
    if "incomplete" in (found.old.status, found.new.status):
        return "incomplete"
    return "different" if found.differs else "equal"


# -- one side, as it is compared ------------------------------------------------------------------


def compared(audited: Audited) -> ComparedModel:
    """An audited model as it is compared."""
    audit, architecture = audited
    configs = {one.path: one.config for one in architecture.layers} if architecture else {}
    layers = (ComparedLayer(row, _fingerprint(row, configs.get(row.path))) for row in audit.layers)
    return ComparedModel(
        side=_side(audit),
        layers=tuple(layers),
        inputs=_inputs(architecture) if architecture else {},
        connections_known=_connections_known(architecture),
        totals=audit.totals,
    )


def _side(audit: Audit) -> Side:
    return Side(
        target=audit.target,
        name=audit.name,
        class_name=audit.class_name,
        status=audit.status,
        layers=len(audit.layers),
        input_shapes=audit.input_shapes,
        output_shapes=audit.output_shapes,
        versions=audit.versions,
        incomplete=tuple(f"{one.code} {one.message}" for one in audit.findings if one.incomplete),
    )


def _fingerprint(row: LayerRow, config: LayerConfig | None) -> Fingerprint:
    return fingerprint(config) if config else Fingerprint(row.class_name, {}, {})


def _inputs(architecture: Architecture) -> dict[str | None, list[list[Taken]]]:
    """What each call of each layer takes, and under `None` the model's outputs, where known."""
    calls = architecture.calls

    def taken(sources: tuple[Source, ...]) -> list[Taken]:
        return [(None if one.call is None else calls[one.call].path, one.output) for one in sources]

    found: dict[str | None, list[list[Taken]]] = {}
    unknown = {call.path for call in calls if call.sources is None}
    for call in calls:
        if call.sources is not None and call.path not in unknown:
            found.setdefault(call.path, []).append(taken(call.sources))
    if architecture.outputs is not None:
        found[None] = [taken(architecture.outputs)]
    return found


def _connections_known(architecture: Architecture | None) -> bool:
    if architecture is None or architecture.outputs is None:
        return False
    return all(call.sources is not None for call in architecture.calls)


def _entries(*models: ComparedModel) -> list[list[Entry]]:
    """The layers of each model as they are aligned: texts that are equal get equal numbers."""
    texts = [[_texts(layer) for layer in model.layers] for model in models]
    values, weights = (_ranks(text[part] for side in texts for text in side) for part in (0, 1))
    return [
        [
            Entry(
                one.row.path,
                unnumbered(one.row.path, one.row.class_name),
                one.config.kind,
                values[text[0]],
                weights[text[1]],
            )
            for one, text in zip(model.layers, side, strict=True)
        ]
        for model, side in zip(models, texts, strict=True)
    ]


def _texts(layer: ComparedLayer) -> tuple[str, str]:
    """A layer's config and its weights as texts, which stand in an order of their own."""
    values = sorted(layer.config.values.items())
    return repr(values), repr([form(weight) for weight in layer.row.weights])


def _ranks(texts: Iterable[str]) -> dict[str, int]:
    return {text: rank for rank, text in enumerate(sorted(set(texts)))}


# -- both sides -----------------------------------------------------------------------------------


class _Comparison:
    """What is the same on both sides, and what is not."""

    def __init__(self, old: ComparedModel, new: ComparedModel) -> None:
        self.old, self.new = old, new
        self.pairs, self.moved = align(*_entries(old, new))
        self.unchanged = 0

    def layers(self) -> Iterator[LayerChange]:
        """The changes, in the order of the new layers; what is gone stands at its old place."""
        gone = set(range(len(self.old.layers))) - {position for position, _ in self.pairs}
        before = {new: old for old, new in self.pairs}
        reached = 0
        for position, layer in enumerate(self.new.layers):
            at = before.get(position)
            if at is not None and at not in self.moved:
                yield from self._removed(gone, range(reached, at))
                reached = at + 1
            if at is None:
                yield added(layer, position)
                continue
            change = changed(self.old.layers[at], at, layer, position, moved=at in self.moved)
            if change is not None:
                yield change
            self.unchanged += change is None
        yield from self._removed(gone, range(reached, len(self.old.layers)))

    def _removed(self, gone: set[int], positions: Iterable[int]) -> Iterator[LayerChange]:
        for position in positions:
            if position in gone:
                yield removed(self.old.layers[position], position)

    # -- connections --------------------------------------------------------------------------

    def connections(self) -> Iterator[ConnectionChange]:
        """The layers of both sides, and the model's outputs, that other layers feed now."""
        paths = [(self.old.layers[i].row.path, self.new.layers[j].row.path) for i, j in self.pairs]
        renamed = dict(paths)
        left, right = self.old.inputs, self.new.inputs
        for old, new in [*paths, (None, None)]:
            before, after = left.get(old), right.get(new)
            if before is None or after is None:
                continue
            same = [[_renamed(source, renamed) for source in call] for call in before]
            if same != [list(call) for call in after]:
                yield ConnectionChange(old, new, _named(before), _named(after))


def _renamed(source: Taken, renamed: Mapping[str, str]) -> Taken | None:
    """What the new model calls it; `None` for a layer that it does not have."""
    path, output = source
    if path is None:
        return source
    return (renamed[path], output) if path in renamed else None


def _named(calls: Sequence[Sequence[Taken]]) -> tuple[str, ...]:
    return tuple(_name(*source) for call in calls for source in call)


def _name(path: str | None, output: int) -> str:
    if path is None:
        return f"input {output}"
    return f"{path}:{output}" if output else path


# -- tallies --------------------------------------------------------------------------------------


def _total_changes(old: Totals, new: Totals) -> Iterator[TallyChange]:
    for tally in fields(Totals):
        before, after = getattr(old, tally.name), getattr(new, tally.name)
        if tally.name == "bytes_by_dtype":
            yield from _dtype_changes(before, after)
        else:
            yield tally_change(tally.name, before, after)


def _dtype_changes(
    old: Mapping[str, int | None] | None, new: Mapping[str, int | None] | None
) -> Iterator[TallyChange]:
    """A tally for each dtype; a side that is known and does not have it has 0 bytes of it."""
    for dtype in sorted({*(old or {}), *(new or {})}):
        before = None if old is None else old.get(dtype, 0)
        after = None if new is None else new.get(dtype, 0)
        yield tally_change(f"bytes of {dtype}", before, after)
