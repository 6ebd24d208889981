"""What a backend keeps on the device between two looks, and how the host reads it.

A ring has a row for each recorded step: its figures, and beside them a few numbers of the step
(`INTEGERS`, `FLOATS`). What is the same for all steps of one traced graph (which weights had a
gradient) is not written again and again: a row names its trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kerasaudit.gradients.block import Block
from kerasaudit.gradients.plan import Plan

if TYPE_CHECKING:
    import numpy as np

__all__ = ["FLOATS", "INTEGERS", "Reader", "Rows", "Trace", "Traces"]

INTEGERS = ("call", "status", "trace")
FLOATS = ("learning_rate", "loss", "loss_scale")


@dataclass(frozen=True, slots=True)
class Trace:
    """What is fixed when a step is traced.

    `present`: of each recorded weight, whether the optimizer is given a gradient of it.
    """

    present: tuple[bool, ...]
    loss_known: bool
    learning_rate_known: bool


class Traces:
    """The traces met, each with a number."""

    def __init__(self) -> None:
        self.met: list[Trace] = []

    def number(self, trace: Trace) -> int:
        """The number of a trace; a new one is entered."""
        if trace not in self.met:
            self.met.append(trace)
        return self.met.index(trace)


@dataclass(frozen=True, slots=True)
class Rows:
    """A ring as it was read: arrays whose first axis is the row.

    `values` (rows, statistics · kernels), `histogram` (rows, kernels · bins) or `None`,
    `elements` {recorded weight's position: (gradient, value)} with flat rows.
    """

    integers: np.ndarray[Any, Any]
    floats: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    histogram: np.ndarray[Any, Any] | None = None
    elements: Mapping[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = field(
        default_factory=dict
    )


@dataclass(slots=True)
class Reader:
    """Turns what one ring holds into blocks; remembers how far it has read.

    `first_step` is the optimizer's iteration before the first call, `lost` how many recorded steps
    were overwritten before they were read.
    """

    plan: Plan
    optimizer: str
    tap: str
    capacity: int
    traces: Traces
    first_step: int = 0
    read: int = 0
    lost: int = 0

    def fresh(self, written: int) -> np.ndarray[Any, Any]:
        """The rows to read, in order of writing, of a ring that was written so often."""
        import numpy as np

        unread = written - self.read
        if unread > self.capacity:
            self.lost += unread - self.capacity
        numbers = np.arange(max(self.read, written - self.capacity), written)
        self.read = written
        return numbers % self.capacity

    def blocks(self, rows: Rows, epoch: int) -> Iterator[Block]:
        """The rows as blocks: one for each run of steps of the same trace."""
        import numpy as np

        traces = rows.integers[:, INTEGERS.index("trace")]
        if not len(traces):
            return
        for part in np.split(np.arange(len(traces)), np.flatnonzero(np.diff(traces)) + 1):
            yield self._block(rows, part, self.traces.met[int(traces[part[0]])], epoch)

    def _block(self, rows: Rows, part: np.ndarray[Any, Any], trace: Trace, epoch: int) -> Block:
        import numpy as np

        inventory, n = self.plan.inventory, len(part)
        floats = {name: rows.floats[part, i].astype(float) for i, name in enumerate(FLOATS)}
        integers = {name: rows.integers[part, i] for i, name in enumerate(INTEGERS)}
        if not trace.learning_rate_known:
            floats["learning_rate"][:] = np.nan
        shapes = [entry.shape for entry in inventory.recorded]
        histogram = rows.histogram
        return Block(
            optimizer=self.optimizer,
            tap=self.tap,
            statistics=self.plan.tabled(self.tap),
            steps=integers["call"].astype("int64") + self.first_step,
            epochs=np.full(n, epoch, "int32"),
            status=integers["status"].astype("int8"),
            learning_rate=floats["learning_rate"],
            loss=floats["loss"],
            loss_known=np.full(n, trace.loss_known),
            loss_scale=floats["loss_scale"],
            present=np.array(trace.present, bool),
            values=rows.values[part].reshape(n, len(self.plan.tabled(self.tap)), inventory.kernels),
            histogram=None
            if histogram is None
            else histogram[part].reshape(n, inventory.kernels, -1),
            elements={
                place: (
                    gradient[part].reshape(n, *shapes[place]),
                    value[part].reshape(n, *shapes[place]),
                )
                for place, (gradient, value) in rows.elements.items()
                if trace.present[place]
            },
        )
