"""The summary of a recorded run: one immutable result, which every report renders.

`summarise` reads the blocks once, as they stream by, and drops them. What it keeps does not grow
with the number of steps, and says in words what was rolled up.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasaudit.finding import Finding
from kerasaudit.gradients.assembly import assemble
from kerasaudit.gradients.block import TAPS, Block
from kerasaudit.gradients.grid import DRAWN, Grid, grid_of
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.pictures import Latest
from kerasaudit.gradients.rollup import Ratios, Rollup, measure_of
from kerasaudit.gradients.rows import SilentWeight, Stream, Timeline, WeightSummary

if TYPE_CHECKING:
    import pandas

    from kerasaudit.gradients.run import Run

__all__ = ["RunSummary", "summarise", "summarise_run"]

# Reports render results; results know no report. This one name is how a result asks for them.
_REPORTS = "kerasaudit.report"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What was recorded of one training, rolled up, with its findings.

    Args:
        name: of the run.
        target: what was asked for; "" where that says nothing more.
        status: "ok", "findings" or "incomplete" (which outranks findings).
        every: every how many steps one is recorded.
        sessions: how many trainings it is of, one after the other.
        measure: what sizes of gradients are told by: "l2", "max_abs", or `None` where neither was
            recorded.
        statistics: the names of what was recorded.
        kernels: how many kernels the recorded weights fall into.
        streams: what was recorded, by optimizer and tap.
        timelines: for each optimizer, its steps.
        weights: the weights that have a gradient, in forward order.
        silent: the weights that have none.
        scale: the range of the heat maps' colours as powers of ten; `None` without one.
        findings: what is wrong.
        rolled: what was rolled up, in words.
        drawing: what the heat maps and distributions show of it, in words.
        notes: what else there is to say.
        about: facts of the run: "model", "class_name", "optimizers" and whatever else is known.
        versions: of the software that recorded it.
        overhead: the recorder's own time on the host as a share of the training; `None`: unknown.
        kernel_frames: gives the table of kernels in pieces. Each is a frame with some of its
            columns; one that a piece lacks is null in its rows.
    """

    name: str
    target: str
    status: str
    every: int
    sessions: int
    measure: str | None
    statistics: tuple[str, ...]
    kernels: int
    streams: tuple[Stream, ...]
    timelines: tuple[Timeline, ...]
    weights: tuple[WeightSummary, ...]
    silent: tuple[SilentWeight, ...]
    scale: tuple[float, float] | None
    findings: tuple[Finding, ...]
    rolled: tuple[str, ...]
    drawing: tuple[str, ...]
    notes: tuple[str, ...]
    about: Mapping[str, Any]
    versions: Mapping[str, str]
    overhead: float | None
    kernel_frames: Callable[[], Iterator[pandas.DataFrame]] | None = field(
        default=None, compare=False, repr=False
    )

    @property
    def ok(self) -> bool:
        """Whether the recording is whole and nothing is wrong."""
        return self.status == "ok"

    def save(self, path: str | Path) -> None:
        """Write a report; the suffix of `path` names its format: .html .csv .json .md.

        Raises:
            TargetError: no report has that suffix, or the file cannot be written.
        """
        importlib.import_module(_REPORTS).save([self], path)


def summarise(
    name: str,
    inventory: Inventory,
    blocks: Iterable[Block],
    findings: Sequence[Finding],
    about: Mapping[str, Any],
    *,
    target: str = "",
    every: int = 1,
    sessions: int = 1,
    notes: Sequence[str] = (),
    overhead: float | None = None,
    complete: bool = True,
    kernel_frames: Callable[[], Iterator[pandas.DataFrame]] | None = None,
) -> RunSummary:
    """Summarise a recording of one model.

    Args:
        name: of the run.
        inventory: of the recording.
        blocks: all its blocks, each optimizer and tap in order. They are read once.
        findings: what its diagnosis found; weights with findings are drawn before others.
        about: facts of the run, "versions" among them.
        target: what was asked for: a path or a target.
        every: every how many steps one is recorded.
        sessions: how many trainings the blocks are of.
        notes: what else there is to say, a sentence each.
        overhead: the recorder's own time on the host as a share of the training, if known.
        complete: whether all that was to be recorded is.
        kernel_frames: gives the table of kernels in pieces, for CSV.

    >>> summarise("net", Inventory(()), [], [], {"model": "net"}).status
    'ok'
    """
    drawn = _drawn(inventory, findings)
    stream = _Streams(grid_of(inventory, drawn))
    latest = Latest(inventory)
    for block in blocks:
        if len(block):
            stream.add(block)
            latest.add(block)
    parts = assemble(inventory, stream.rollups, stream.ratios, latest, drawn)
    whole = complete and not any(finding.incomplete for finding in findings)
    facts = dict(about)
    versions = facts.pop("versions", {})
    return RunSummary(
        name=name,
        target=target,
        status="incomplete" if not whole else "findings" if findings else "ok",
        every=every,
        sessions=sessions,
        measure=parts.measure,
        statistics=tuple(stream.statistics),
        kernels=inventory.kernels,
        streams=tuple(Stream(*key, steps) for key, steps in sorted(stream.steps.items())),
        timelines=parts.timelines,
        weights=parts.weights,
        silent=parts.silent,
        scale=parts.scale,
        findings=tuple(findings),
        rolled=parts.rolled,
        drawing=parts.drawing,
        notes=tuple(notes),
        about=facts,
        versions=versions,
        overhead=overhead,
        kernel_frames=kernel_frames,
    )


def summarise_run(run: Run) -> RunSummary:
    """Summarise a run: its last training, and those before it that were of the same weights."""
    from kerasaudit.gradients.export import kernel_frames

    if not run.sessions:
        return summarise(run.name, Inventory(()), [], run.findings, {}, target=run.target)
    last = run.sessions[-1]
    alike = [one for one in run.sessions if one.inventory == last.inventory]
    return summarise(
        run.name,
        last.inventory,
        (block for one in alike for block in run.store.blocks(one.session)),
        run.findings,
        last.about,
        target=run.target,
        every=last.every,
        sessions=len(alike),
        notes=tuple(_notes(run, len(run.sessions) - len(alike))),
        overhead=None if run.overhead is None else run.overhead.share,
        kernel_frames=lambda: kernel_frames(run),
    )


def _notes(run: Run, others: int) -> Iterator[str]:
    if others:
        noun = "training" if others == 1 else "trainings"
        yield f"{others} earlier {noun} of the run had other weights and is not shown here."
    if not all(one.closed for one in run.sessions):
        yield "The recording was not ended: its process died, or training goes on."
    stride = getattr(run.store, "thinned", 1)
    if stride > 1:
        yield f"Of the recorded steps one in {stride} is kept, for want of room in memory."
    for diagnosis, lack in run.unavailable:
        yield f"{diagnosis} is not judged, or not in full: {lack} is not recorded."


def _drawn(inventory: Inventory, findings: Sequence[Finding]) -> frozenset[int]:
    """The recorded weights that have heat maps: those with findings, then the largest."""
    entries = inventory.recorded
    if len(entries) <= DRAWN:
        return frozenset(range(len(entries)))
    named = {(getattr(f, "layer", None), getattr(f, "weight", None)) for f in findings}

    def rank(position: int) -> tuple[bool, int, int]:
        entry = entries[position]
        told = {(entry.layer, entry.weight), (entry.layer, None)} & named
        return (not told, -entry.kernels * entry.size, position)

    return frozenset(sorted(range(len(entries)), key=rank)[:DRAWN])


class _Streams:
    """The roll-up of each optimizer, at the first of its taps in the order of `TAPS`."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.rollups: dict[str, tuple[str, Rollup]] = {}
        self.ratios: dict[str, Ratios] = {}
        self.steps: dict[tuple[str, str], int] = {}
        self.statistics: dict[str, None] = {}

    def add(self, block: Block) -> None:
        key = (block.optimizer, block.tap)
        self.steps[key] = self.steps.get(key, 0) + len(block)
        self.statistics |= dict.fromkeys(block.statistics)
        if block.histogram is not None:
            self.statistics["histogram"] = None
        ranks = list(TAPS)
        held = self.rollups.get(block.optimizer)
        if held is None or ranks.index(block.tap) < ranks.index(held[0]):
            held = (
                block.tap,
                Rollup(self._grid, measure_of(block), max_abs="max_abs" in block.statistics),
            )
            self.rollups[block.optimizer] = held
        if held[0] == block.tap:
            held[1].add(block)
        if "update_ratio" in block.statistics:
            self.ratios.setdefault(block.optimizer, Ratios(self._grid)).add(block)
