"""The diagnosis of a session: every rule on every stream of blocks, and what they found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerasaudit.gradients.block import STEP_STATUSES, TAPS, Block
from kerasaudit.gradients.diagnosis import rule as _rule
from kerasaudit.gradients.diagnosis.figures import Figures
from kerasaudit.gradients.diagnosis.layout import Layout
from kerasaudit.gradients.diagnosis.rule import GradientFinding, Rule, Stream, Watch
from kerasaudit.gradients.diagnosis.thresholds import resolve
from kerasaudit.gradients.inventory import Inventory

__all__ = ["Diagnosis"]


class Diagnosis:
    """Watches the blocks of one session, live or out of a store, and has the findings.

    Each optimizer is watched by itself, at the tap "raw" where there is one. The findings are the
    same however the steps are cut into blocks, and however optimizers and taps take turns.

    Args:
        inventory: of the recording.
        statistics: the names of the statistics that are recorded.
        thresholds: `{"vanishing": {"absolute": 1e-8}}`; `{"vanishing": None}` switches it off.
        every: one step in so many is recorded.
        session: the number of the session in its run.

    Raises:
        ConfigError: `thresholds` names no diagnosis or threshold, or a value is of a wrong type.
    """

    def __init__(
        self,
        inventory: Inventory,
        statistics: Sequence[str],
        thresholds: Mapping[str, Mapping[str, Any] | None] | None = None,
        every: int = 1,
        session: int = 0,
    ) -> None:
        registered = _rule.rules()
        self._thresholds = resolve(thresholds, registered)
        self._rules = [registered[name] for name in self._thresholds]
        self._layout = Layout(inventory)
        self._session, self._every = session, every
        self._missing = tuple(
            (rule.name, statistic.replace("|", " or "))
            for rule in self._rules
            for statistic in rule.watch.missing(statistics)
        )
        self._rules = [r for r in self._rules if _can_run(r.watch, statistics)]
        self._streams: dict[tuple[str, str], _Watched] = {}
        self._whole = self._watch("", "", [rule for rule in self._rules if rule.watch.whole])
        self._found: tuple[GradientFinding, ...] | None = None

    @property
    def unavailable(self) -> tuple[tuple[str, str], ...]:
        """What cannot be judged, or not in full: the diagnosis, and what is not recorded."""
        without_tap = [
            (rule.name, "the tap " + " or ".join(rule.watch.taps))
            for (_, tap) in self._chosen()
            for rule in self._rules
            if tap not in rule.watch.taps
        ]
        return (*self._missing, *dict.fromkeys(without_tap))

    def observe(self, block: Block) -> None:
        """See the next block of its stream."""
        if not len(block):
            return
        self._found = None
        self._whole.observe(block)
        if not self._layout.entries:  # nothing is recorded that the others could look at
            return
        key = (block.optimizer, block.tap)
        if key not in self._streams:
            rules = [r for r in self._rules if not r.watch.whole and block.tap in r.watch.taps]
            self._streams[key] = self._watch(*key, rules)
        if key in self._chosen():
            self._streams[key].observe(block)

    def end(self) -> None:
        """The session is over: no block is to come. Some conditions count only then."""
        self._found = None
        for watched in (self._whole, *self._streams.values()):
            watched.end()

    @property
    def findings(self) -> tuple[GradientFinding, ...]:
        """What was found so far, by step, and within a step in backward order of layers."""
        if self._found is None:
            places = {e.layer: i for i, e in enumerate(self._layout.inventory.weights)}
            found = [*self._whole.findings()]
            for key in self._chosen():
                found.extend(self._streams[key].findings())
            self._found = tuple(sorted(found, key=lambda finding: _place(finding, places)))
        return self._found

    def _chosen(self) -> list[tuple[str, str]]:
        """The stream of each optimizer that counts: of its taps, the first in the order of TAPS."""
        best: dict[str, str] = {}
        for tap in [*TAPS][::-1]:
            best.update({optimizer: tap for optimizer, at in self._streams if at == tap})
        return sorted(best.items())

    def _watch(self, optimizer: str, tap: str, rules: list[Rule]) -> _Watched:
        stream = Stream(self._layout, optimizer, tap, self._session, self._every)
        watches = [rule.watch(rule, self._thresholds[rule.name], stream) for rule in rules]
        return _Watched(self._layout, watches)


class _Watched:
    """The watches of one stream; each is shown the steps of the statuses it asks for."""

    def __init__(self, layout: Layout, watches: list[Watch[Any]]) -> None:
        self._layout = layout
        self._seen: dict[tuple[str, ...], int] = {}
        self._by_status: dict[tuple[str, ...], list[Watch[Any]]] = {}
        for watch in watches:
            self._by_status.setdefault(watch.statuses, []).append(watch)

    def observe(self, block: Block) -> None:
        import numpy as np

        for statuses, watches in self._by_status.items():
            shown = np.isin(block.status, [STEP_STATUSES.index(status) for status in statuses])
            if not shown.any():
                continue
            part = block if shown.all() else block.take(shown)
            seen = self._seen.get(statuses, 0)
            self._seen[statuses] = seen + len(part)
            figures = Figures(self._layout, part, seen)
            with np.errstate(all="ignore"):  # NaN and infinities are what is looked for
                for watch in watches:
                    watch.observe(figures)

    def end(self) -> None:
        for watches in self._by_status.values():
            for watch in watches:
                watch.end()

    def findings(self) -> Iterator[GradientFinding]:
        for watches in self._by_status.values():
            for watch in watches:
                yield from watch.findings()


def _can_run(watch: type[Watch[Any]], statistics: Sequence[str]) -> bool:
    missing = set(watch.missing(statistics))
    return missing <= set(watch.optional) and not (missing and missing == set(watch.needs))


def _place(finding: GradientFinding, places: Mapping[str, int]) -> tuple[Any, ...]:
    """Where a finding stands: by step, the layers from the last to the first, then by code."""
    step = -1 if finding.step is None else finding.step
    layer = places.get(finding.layer or "", len(places))
    return (step, -layer, finding.code, finding.path, finding.optimizer)
