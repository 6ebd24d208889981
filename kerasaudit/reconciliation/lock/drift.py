"""Where a model parts from its lock: the diff of the two, and what is wrong.

Whatever a lock holds and the model does not have any more is a finding, also what is not known any
more or was not known when it was locked: the two are compared value by value, and the diff, in
which nothing is said of what one side does not know, only tells what became of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasaudit.errors import TargetError, one_line
from kerasaudit.finding import Finding
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.comparison import compare as compare_models
from kerasaudit.reconciliation.comparison import compared
from kerasaudit.reconciliation.differences import Diff, LayerChange, TallyChange
from kerasaudit.reconciliation.findings import finding
from kerasaudit.reconciliation.lock.content import Lock, LockedLayer, lock_of, model_of
from kerasaudit.reconciliation.lock.file import read_lock
from kerasaudit.reconciliation.lock.messages import (
    connection_line,
    layer_line,
    tallies_line,
    told,
    value,
)
from kerasaudit.reconciliation.lock.naming import lock_file, recorded_target
from kerasaudit.reconciliation.result import Audit
from kerasaudit.version import RULES
from kerasaudit.zoo import TOTAL

__all__ = ["Held", "compare", "judge", "locked"]

DRIFT, NO_LOCK, RULES_CHANGED, UNREADABLE = "KA511", "KA512", "KA513", "KA515"
_MOST = 20  # so many layers are told each; the diff has them all


@dataclass(frozen=True, slots=True)
class Held:
    """What comes of holding a model against its lock.

    `drift` is where it parts from it, `None` where there was nothing to compare with. `notes` say
    what is worth knowing and nothing wrong.
    """

    drift: Diff | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


def locked(audited: Audited, folder: Path) -> Held:
    """Hold an audited model against its lock in a folder.

    A model without a lock is a finding (KA512), and so is a lock that cannot be read (KA515): the
    audit is then not whole. Nothing is raised.

    >>> from kerasaudit.observation.target import one_subject
    >>> from kerasaudit.reconciliation.audit import examine
    >>> net = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 64]}},
    ... ]}}
    >>> held = locked(examine(one_subject(net)), Path("no-such-folder"))
    >>> held.findings[0].code, held.drift is None
    ('KA512', True)
    """
    recorded = recorded_target(audited.audit.target, folder)
    path = folder / lock_file(recorded)
    if not path.exists() and not path.is_symlink():
        message = (
            f"{audited.audit.name}: no lock, expected {path.as_posix()} (kerasaudit lock writes it)"
        )
        return Held(None, (finding(NO_LOCK, TOTAL, message),))
    try:
        lock = read_lock(path)
        if lock.target != recorded:
            expected = f"expected the lock of {recorded!r}, received that of {lock.target!r}"
            raise TargetError(f"{path.as_posix()}: {expected}")
    except TargetError as error:
        return Held(None, (finding(UNREADABLE, TOTAL, str(error)),))
    return judge(lock, audited, path.as_posix())


def compare(lock: Lock, audited: Audited, place: str = "lock") -> Diff:
    """The diff of a lock and the model as it is now.

    Args:
        lock: the model as it was.
        audited: the model as it is.
        place: what the diff calls the lock: its file.

    >>> from kerasaudit.observation.target import one_subject
    >>> from kerasaudit.reconciliation.audit import examine
    >>> def net(units):
    ...     return {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...         {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 64]}},
    ...         {"class_name": "Dense", "config": {"name": "out", "units": units}},
    ...     ]}}
    >>> lock = lock_of(examine(one_subject(net(10))), "net")
    >>> compare(lock, examine(one_subject(net(10)))).status
    'equal'
    """
    return compare_models(model_of(lock, place), compared(audited))


def judge(lock: Lock, audited: Audited, place: str = "lock") -> Held:
    """Hold an audited model against a lock; the arguments are those of `compare`.

    >>> from kerasaudit.observation.target import one_subject
    >>> from kerasaudit.reconciliation.audit import examine
    >>> def net(units):
    ...     return {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...         {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 64]}},
    ...         {"class_name": "Dense", "config": {"name": "out", "units": units}},
    ...     ]}}
    >>> lock = lock_of(examine(one_subject(net(10))), "net")
    >>> judge(lock, examine(one_subject(net(20)))).findings[0].message
    'out: units 10 → 20, params 650 → 1,300 (+650), MACs 640 → 1,280 (+640)'
    """
    diff = compare(lock, audited, place)
    now = lock_of(audited, lock.target)
    if _content(now) == _content(lock):
        return Held(diff, (), tuple(_notes(lock)))
    lines = [*_layer_lines(diff, lock, now), *_model_lines(diff, lock, now)]
    code = RULES_CHANGED if _same_architecture(lock, now, audited.audit) else DRIFT
    lines.append((TOTAL, _summary(code, diff, lock, now)))
    return Held(diff, tuple(finding(code, path, message) for path, message in lines))


def _content(lock: Lock) -> tuple[Any, ...]:
    """All that is compared: what it is called follows from the target, which is the same."""
    head = (lock.class_name, lock.input_shapes, lock.output_shapes, lock.outputs)
    return (*head, lock.totals, lock.layers)


def _notes(lock: Lock) -> Iterator[str]:
    if lock.rules != RULES:
        yield f"locked by rules {lock.rules}, audited by rules {RULES}: no figure differs"


# -- whose change it is ---------------------------------------------------------------------------


def _same_architecture(lock: Lock, now: Lock, audit: Audit) -> bool:
    """Whether nothing but figures differs: those that are derived, not those that are held."""

    def architecture(model: Lock) -> tuple[Any, ...]:
        classes = [(one.path, one.class_name, one.kind) for one in model.layers]
        configs = [(one.config, one.names) for one in model.layers]
        calls = [(one.takes, one.tallies["calls"]) for one in model.layers]
        return model.class_name, model.input_shapes, model.outputs, classes, configs, calls

    if architecture(lock) != architecture(now):
        return False
    sides = zip(lock.layers, now.layers, audit.layers, strict=True)
    return all(
        old.weights == new.weights
        for old, new, row in sides
        if row.observed is not None or row.stored is not None
    )


def _summary(code: str, diff: Diff, lock: Lock, now: Lock) -> str:
    """What became of the model as a whole, and by which rules."""
    changes = [*(one for one in diff.totals if one.changed), *_unknown_totals(lock, now)]
    totals = tallies_line(changes) if changes else "all totals are the same"
    versions = f"rules {lock.rules} in the lock, rules {RULES} now"
    if code == RULES_CHANGED and lock.rules != RULES:
        return f"the model is the locked one, and its figures are not: {versions}; {totals}"
    if code == RULES_CHANGED:
        return (
            "the model is the locked one, and its figures are not: a rule changed, or code that no "
            f"config records (rules {RULES} in the lock and now); {totals}"
        )
    return f"the model: {totals}" + (f"; {versions}" if lock.rules != RULES else "")


def _unknown_totals(lock: Lock, now: Lock) -> list[TallyChange]:
    """Totals that are known on one side alone: of those a diff says nothing."""
    return [
        TallyChange(name, old, now.totals[name], None)
        for name, old in lock.totals.items()
        if (old is None) != (now.totals[name] is None)
    ]


# -- what is told ---------------------------------------------------------------------------------


def _layer_lines(diff: Diff, lock: Lock, now: Lock) -> list[tuple[str, str]]:
    """A line for each layer that changed; those that only follow from others are counted."""
    of_their_own = [change for change in diff.layers if not _follows(change)]
    chosen = of_their_own or list(diff.layers)
    lines = [(change.path, layer_line(change)) for change in chosen]
    told_of = {path for change in diff.layers for path in (change.old_path, change.new_path)}
    lines += list(_unknown_lines(lock, now, told_of))
    shown = lines[:_MOST]
    rest = len(lines) - len(shown)
    follow = len(diff.layers) - len(chosen)
    if rest:
        shown.append((TOTAL, f"{_layers(rest)} more changed: see the diff"))
    if follow:
        shown.append((TOTAL, f"{_layers(follow)} more: the same weights, other shapes after these"))
    return shown


def _layers(number: int) -> str:
    return f"{number:,} {'layer' if number == 1 else 'layers'}"


def _follows(change: LayerChange) -> bool:
    """Whether only the shapes that a layer is given are others, and it holds no weights for it."""
    return (
        change.kind == "changed"
        and change.old_class_name == change.new_class_name
        and change.old_path == change.new_path
        and not (change.config or change.weights or change.moved)
        and change.old_params == change.new_params
        and change.old_output_shape != change.new_output_shape
    )


def _unknown_lines(lock: Lock, now: Lock, told_of: set[str | None]) -> Iterator[tuple[str, str]]:
    """The layers of which something is known on one side alone, or of which a diff says nothing."""
    after = {layer.path: layer for layer in now.layers}
    for before in lock.layers:
        layer = after.get(before.path)
        if layer is None or before.path in told_of or before == layer:
            continue
        parts = list(_parts(before, layer))
        if parts:
            yield before.path, f"{one_line(before.path, 60)}: {', '.join(parts)}"


def _parts(before: LockedLayer, after: LockedLayer) -> Iterator[str]:
    if before.class_name != after.class_name:
        yield told("class", before.class_name, after.class_name)
    if before.output_shape != after.output_shape:
        yield told("output shape", before.output_shape, after.output_shape)
    for name, old in before.tallies.items():
        if old != after.tallies[name]:
            yield told(name.replace("_", " "), old, after.tallies[name])
    if before.weights != after.weights:
        yield "the names of its weights"
    if (before.takes is None) != (after.takes is None):
        yield "what it takes is known on one side alone"


def _model_lines(diff: Diff, lock: Lock, now: Lock) -> Sequence[tuple[str, str]]:
    """What is no layer's own: what feeds which, the model's class, inputs and outputs."""
    lines = [
        (TOTAL if one.new_path is None else one.new_path, connection_line(one))
        for one in diff.connections
    ]
    shown = lines[:_MOST]
    if len(lines) > _MOST:
        shown.append((TOTAL, f"{len(lines) - _MOST:,} more connections changed: see the diff"))
    if lock.class_name != now.class_name:
        shown.append((TOTAL, f"the model is of class {now.class_name}, was {lock.class_name}"))
    for name, old, new in (
        ("input shapes", lock.input_shapes, now.input_shapes),
        ("output shapes", lock.output_shapes, now.output_shapes),
    ):
        if old != new:
            shown.append((TOTAL, f"the model's {name} {value(old)} → {value(new)}"))
    return shown
