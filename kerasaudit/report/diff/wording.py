"""How the reports of a diff write what changed: marks, words, values before and after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kerasaudit.reconciliation.differences import (
    ConnectionChange,
    Diff,
    LayerChange,
    Side,
    TallyChange,
    WeightChange,
)
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.wording import UNKNOWN, count, printable, shape, shapes, share

__all__ = [
    "ABSENT",
    "MARKS",
    "STATUS_MARKS",
    "Detail",
    "details",
    "difference",
    "fed",
    "figure",
    "layer_name",
    "listed",
    "params",
    "partition",
    "reasons",
    "side_line",
    "status_line",
    "step",
    "tally",
    "totals_shown",
    "unchanged_line",
    "value",
    "versions_line",
]

ABSENT = "–"
MARKS = {"added": "+", "removed": "−", "changed": "~", "renamed": "→", "moved": "↕"}
STATUS_MARKS = {"equal": "✓", "different": "≠", "incomplete": "?"}

_REASONS = 5  # so many findings say why a model could not be audited in full
_VALUE = 60  # so many characters of a config value are shown
_TALLIES = {
    "params": "parameters",
    "derived": "parameters, derived",
    "observed": "parameters, observed",
    "stored": "parameters, in the file",
    "reported": "count_params()",
    "trainable": "trainable",
    "non_trainable": "non-trainable",
    "macs": "MACs",
    "backward_macs": "MACs of the backward pass",
    "activation_elements": "activations per example",
    "activation_bytes": "activations, bytes per example",
    "peak_activation_bytes": "activations, bytes alive at once",
    "seed_state": "state of seeds",
    "recurrent_state": "recurrent state",
    "metric_state": "variables of metrics",
    "optimizer_state": "variables of the optimizer",
    "summary_params": "summary()'s total",
}
_ALWAYS = ("params", "macs")
# Tallies that say the same again, wherever they are the same as the first.
_AGAIN = {
    "params": (
        *("derived", "observed", "stored", "reported", "derived_partly", "logical"),
        "summary_params",
    ),
    "layers": ("layers_derived",),
}
_BYTES = "bytes"


class Detail(NamedTuple):
    """One thing that became another."""

    name: str
    old: str
    new: str


def partition(results: Iterable[Diff | Failure]) -> tuple[list[Diff], list[Failure]]:
    """The diffs and the failures, each in order."""
    diffs: list[Diff] = []
    failures: list[Failure] = []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
        else:
            diffs.append(result)
    return diffs, failures


def status_line(diff: Diff) -> str:
    """What differs, in one line: how many layers came, went and changed."""
    parts: list[str] = []
    kinds = [change.kind for change in diff.layers]
    for kind in MARKS:
        number = kinds.count(kind)
        if number:
            parts.append(f"{_several(number, 'layer') if not parts else f'{number:,}'} {kind}")
    if diff.connections:
        parts.append(f"{_several(len(diff.connections), 'connection')} changed")
    if not parts:
        number = sum(one.changed and not one.of_training for one in diff.totals)
        parts.append(f"{_several(number, 'tally')} changed" if number else "no difference")
    line = ", ".join(parts)
    return f"not audited in full; {line}" if diff.status == "incomplete" else line


def _several(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def unchanged_line(diff: Diff) -> str:
    """What was compared and is the same."""
    if diff.differs:
        verb = "is" if diff.unchanged == 1 else "are"
        return f"{_several(diff.unchanged, 'layer')} {verb} the same"
    compared = f"{_several(diff.unchanged, 'layer')} compared: config, weights"
    if not diff.connections_known:
        return f"{compared} and all tallies are the same; what feeds each is not known"
    trained = any(one.changed for one in diff.totals)
    beside = "; what training keeps beside them is not" if trained else ""
    return f"{compared}, connections and all tallies are the same{beside}"


def side_line(side: Side) -> str:
    """What one of the two is."""
    ends = f"{shapes(side.input_shapes)} → {shapes(side.output_shapes)}"
    parts = [printable(side.class_name), _several(side.layers, "layer"), ends]
    return " · ".join([*parts, *(["not audited in full"] if side.status == "incomplete" else [])])


def reasons(side: Side) -> list[str]:
    """Why one of the two could not be audited in full."""
    lines = [printable(line) for line in side.incomplete[:_REASONS]]
    rest = len(side.incomplete) - len(lines)
    return [*lines, *([f"{rest:,} more findings of this kind"] if rest else [])]


def versions_line(diff: Diff) -> str:
    """The versions that both were audited with; of two where they differ. A lock has none."""
    old, new = (
        ", ".join(f"{name} {version}" for name, version in sorted(side.versions.items()))
        for side in (diff.old, diff.new)
    )
    return " → ".join(filter(None, dict.fromkeys((old, new))))


# -- layers -------------------------------------------------------------------------------------


def layer_name(change: LayerChange) -> str:
    """Its path; both where it was renamed."""
    if None in (change.old_path, change.new_path) or change.old_path == change.new_path:
        return printable(change.path)
    return f"{printable(change.old_path)} → {printable(change.new_path)}"


def params(change: LayerChange) -> tuple[str, str, str]:
    """Its parameters before and after, and the difference."""
    old = ABSENT if change.old_path is None else count(change.old_params)
    new = ABSENT if change.new_path is None else count(change.new_params)
    return old, new, step(change.difference)


def step(difference: int | float | None) -> str:
    """A difference with its sign; "0" where there is none.

    >>> step(650), step(-5), step(0), step(None)
    ('+650', '-5', '0', 'unknown')
    """
    if difference is None:
        return UNKNOWN
    return f"{difference:+,}" if difference else "0"


def details(change: LayerChange) -> list[Detail]:
    """What of a layer of both sides changed, with what was there and what is."""
    if None in (change.old_path, change.new_path):
        return []
    found = []
    if change.old_class_name != change.new_class_name:
        found.append(Detail("class", str(change.old_class_name), str(change.new_class_name)))
    found += [Detail(one.key, value(one.old), value(one.new)) for one in change.config]
    found += [Detail(one.name, *_weight(one)) for one in change.weights]
    if change.old_output_shape != change.new_output_shape:
        shown = (shape(change.old_output_shape), shape(change.new_output_shape))
        found.append(Detail("output shape", *shown))
    found += [
        Detail(tally(one), figure(one.old), figure(one.new))
        for one in change.tallies
        if one.name in ("macs", "calls")
    ]
    if change.moved:
        places = (f"{(change.old_position or 0) + 1:,}", f"{(change.new_position or 0) + 1:,}")
        found.append(Detail("place", *places))
    return [Detail(*map(printable, detail)) for detail in found]


def _weight(change: WeightChange) -> tuple[str, str]:
    """A weight before and after: its shape, and what else differs."""
    old, new = change.old_name is not None, change.new_name is not None
    both = old and new
    dtypes = both and change.old_dtype != change.new_dtype
    training = both and change.old_trainable != change.new_trainable

    def told(extents: object, dtype: str | None, trainable: bool | None) -> str:
        word = UNKNOWN if trainable is None else "trainable" if trainable else "not trainable"
        rest = [*([dtype or UNKNOWN] if dtypes else []), *([word] if training else [])]
        return " ".join([shape(extents), *rest])

    before = told(change.old_shape, change.old_dtype, change.old_trainable) if old else ABSENT
    after = told(change.new_shape, change.new_dtype, change.new_trainable) if new else ABSENT
    return before, after


def value(item: Any) -> str:
    """A config value; "–" where the config does not give it.

    >>> value(10), value("relu"), value((3, 3)), value(None), value(True)
    ('10', 'relu', '[3, 3]', '–', 'true')
    """
    if item is None:
        return ABSENT
    if isinstance(item, tuple) and len(item) > _VALUE:
        return f"{len(item):,} values"
    text = item if isinstance(item, str) and item else json.dumps(item, ensure_ascii=False)
    return printable(text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…")


def fed(change: ConnectionChange) -> Detail:
    """A layer, what fed it and what feeds it now."""
    old, new = change.old_path, change.new_path
    if new is None:
        name = "(the model's outputs)"
    else:
        name = printable(new) if old == new else f"{printable(old)} → {printable(new)}"
    return Detail(
        name, *(", ".join(map(printable, side)) or ABSENT for side in (change.old, change.new))
    )


# -- tallies ------------------------------------------------------------------------------------


def tally(change: TallyChange) -> str:
    """The name of a tally."""
    return printable(_TALLIES.get(change.name, change.name.replace("_", " ")))


def figure(item: int | float | None) -> str:
    """A figure of a tally; a share as a percentage."""
    return share(item) if isinstance(item, float) else count(item)


def totals_shown(diff: Diff) -> list[TallyChange]:
    """The tallies that changed and do not only repeat another; parameters and MACs always."""
    by_name = {one.name: one for one in diff.totals}
    again = {
        name
        for first, names in _AGAIN.items()
        for name in names
        if name in by_name and _same(by_name[first], by_name[name])
    }
    again |= {
        name
        for name, one in by_name.items()
        if name.startswith(f"{_BYTES} of ") and _same(by_name[_BYTES], one)
    }
    shown = [one for one in diff.totals if one.changed or one.name in _ALWAYS]
    return [one for one in shown if one.name not in again]


def _same(one: TallyChange, other: TallyChange) -> bool:
    return (one.old, one.new) == (other.old, other.new)


def difference(change: TallyChange) -> str:
    """The difference of a tally with its sign; of a share in points."""
    if isinstance(change.difference, float):
        return f"{change.difference * 100:+.1f} points"
    return step(change.difference)


def listed(changes: Sequence[LayerChange], *, renamed: bool) -> list[LayerChange]:
    """The layers that are only renamed, or all others."""
    return [change for change in changes if (change.kind == "renamed") is renamed]
