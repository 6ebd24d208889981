"""When a condition that is true of single steps counts as confirmed, for many items at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

__all__ = ["NEVER", "Hysteresis", "Runs", "neighbours", "outbreaks"]

NEVER = -1


class Hysteresis:
    """Confirms a condition that holds in k of the last n steps; a confirmed one is kept.

    Attributes:
        began: the first step of the condition, the first in the window that confirmed it; −1
            where it was not confirmed.
        last: the last step on which it held with k of n confirmed.
    """

    def __init__(self, k: int, n: int, items: int) -> None:
        import numpy as np

        self.k, self.n = k, n
        self.began = np.full(items, NEVER, np.int64)
        self.last = np.full(items, NEVER, np.int64)
        self._held = np.zeros((0, items), bool)
        self._steps = np.zeros(0, np.int64)

    def observe(self, steps: Array, held: Array) -> list[tuple[int, int]]:
        """See the next steps: `held` is bool (n, items).

        Returns:
            what is newly confirmed: the item, and the row of `steps` that confirmed it.
        """
        import numpy as np

        kept = len(self._steps)
        all_steps = np.concatenate((self._steps, steps))
        all_held = np.concatenate((self._held, held))
        keep = max(0, len(all_steps) - (self.n - 1))
        self._steps, self._held = all_steps[keep:], all_held[keep:]
        if not held.any():
            return []
        before = np.zeros((len(all_held) + 1, held.shape[1]), np.int32)
        np.cumsum(all_held, axis=0, out=before[1:])
        ends = np.arange(kept, len(all_held)) + 1
        active = held & (before[ends] - before[np.maximum(ends - self.n, 0)] >= self.k)
        items = np.flatnonzero(active.any(axis=0))
        self.last[items] = steps[len(steps) - 1 - active[::-1, items].argmax(axis=0)]
        confirmed = []
        for item in items[self.began[items] == NEVER].tolist():
            row = int(active[:, item].argmax())
            start = max(0, kept + row + 1 - self.n)
            self.began[item] = all_steps[start + int(all_held[start:, item].argmax())]
            confirmed.append((item, row))
        return confirmed


class Runs:
    """Confirms a condition that holds on so many steps without a break; made for many items.

    Attributes:
        began: the first step of the first run that was long enough; −1 where there was none.
        last: the last step of such a run, so far.
    """

    def __init__(self, length: int, items: int) -> None:
        import numpy as np

        self.length = length
        self.began = np.full(items, NEVER, np.int64)
        self.last = np.full(items, NEVER, np.int64)
        self._length = np.zeros(items, np.int64)
        self._start = np.full(items, NEVER, np.int64)

    def observe(self, steps: Array, held: Array) -> list[tuple[int, int]]:
        """See the next steps: `held` is bool (n, items). Returns as `Hysteresis.observe` does."""
        import numpy as np

        # Nearly all items of a healthy training hold nowhere: only the others are looked at.
        items = np.flatnonzero(held.any(axis=0))
        carried, started = self._length[items], self._start[items]
        self._length[:] = 0
        if not len(items):
            return []
        rows = np.arange(len(steps))[:, None]
        broken = np.maximum.accumulate(np.where(held[:, items], -1 - carried, rows), axis=0)
        lengths = rows - broken
        # A run that came in from an earlier block began at its step, any other in this block.
        begins = np.where(
            (broken < 0) & (carried > 0), started, steps[np.clip(broken + 1, 0, len(steps) - 1)]
        )
        self._length[items], self._start[items] = lengths[-1], begins[-1]
        long = lengths >= self.length
        columns = np.flatnonzero(long.any(axis=0))
        self.last[items[columns]] = steps[len(steps) - 1 - long[::-1, columns].argmax(axis=0)]
        fresh = columns[self.began[items[columns]] == NEVER]
        first = long[:, fresh].argmax(axis=0)
        self.began[items[fresh]] = begins[first, fresh]
        return list(zip(items[fresh].tolist(), first.tolist(), strict=True))


def outbreaks(began: Mapping[int, int], within: int) -> Iterator[list[int]]:
    """Layers that a condition took hold of at about the same time.

    Args:
        began: the step at which it began in each layer, by the layer's index.
        within: how many steps after the first layer another belongs to the same outbreak.

    Yields:
        the layers of each outbreak, the first one first; of those that began in one step, the one
        that backpropagation meets first.
    """
    group: list[int] = []
    for layer in sorted(began, key=lambda i: (began[i], -i)):
        if group and began[layer] - began[group[0]] > within:
            yield group
            group = []
        group.append(layer)
    if group:
        yield group


def neighbours(layers: Sequence[int], began: Mapping[int, int], within: int) -> Iterator[list[int]]:
    """Rows of layers that a condition took hold of together.

    Args:
        layers: the indices of all layers that count, in forward order.
        began: the step at which it began, for those in which it did.
        within: how many steps apart the layers of a row may have begun.

    Yields:
        the layers of each row, in forward order: no layer that counts lies between them.
    """
    row: list[int] = []
    for layer in layers:
        steps = [began[other] for other in (*row, layer) if other in began]
        if row and (layer not in began or max(steps) - min(steps) > within):
            yield row
            row = []
        if layer in began:
            row.append(layer)
    if row:
        yield row
