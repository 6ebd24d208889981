"""How a run of any size is brought into a grid: kernels into rows, recorded steps into columns.

The number of rows follows from the inventory. The number of steps is not known while they stream
by, so columns are merged in pairs whenever they would become too many; at the end neighbours are
merged once more. The width that results depends on the number of steps alone, not on how they came
in.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from kerasaudit.gradients.inventory import Inventory

__all__ = ["COLUMNS", "DRAWN", "FINE", "ROWS", "Grid", "grid_of", "width_of", "words"]

# A heat map has at most so many rows and columns, and all of a run so many cells: a run of many
# weights has coarser heat maps. Beyond so many weights, only some are drawn.
ROWS = 64
COLUMNS = 96
CELLS = 280_000
DRAWN = 224

# While steps stream by, so many columns are held for each that is left at the end.
FINE = 4


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of all recorded weights, and the limit on columns.

    Args:
        columns: at most so many columns are left at the end.
        starts: the first kernel of each row, over all recorded weights.
        first_rows: the first row of each recorded weight.
        per_row: how many kernels a row of each recorded weight takes (its last may have fewer).
        kernels: how many kernels each recorded weight has.
    """

    columns: int
    starts: tuple[int, ...]
    first_rows: tuple[int, ...]
    per_row: tuple[int, ...]
    kernels: tuple[int, ...]

    def rows_of(self, weight: int) -> slice:
        """The rows of a recorded weight."""
        ends = (*self.first_rows[1:], len(self.starts))
        return slice(self.first_rows[weight], ends[weight])


def grid_of(inventory: Inventory, drawn: Collection[int] | None = None) -> Grid:
    """The grid that fits a run of these weights.

    Args:
        inventory: its weights.
        drawn: the positions of the recorded weights that have a heat map, if not all of them. Any
            other has one row.

    >>> from kerasaudit.gradients.inventory import WeightEntry
    >>> dense = WeightEntry("d", "kernel", "Dense", (4, 100), "float32", (4, 100), ("u",), (1,))
    >>> grid = grid_of(Inventory((dense,)))
    >>> grid.columns, grid.per_row, len(grid.starts)
    (96, (2,), 50)
    """
    drawn = range(len(inventory.recorded)) if drawn is None else drawn
    weights = len(drawn)
    scale = min(1.0, math.sqrt(CELLS / (max(weights, 1) * ROWS * COLUMNS)))
    rows = max(8, int(ROWS * scale))
    starts: list[int] = []
    first_rows: list[int] = []
    per_row: list[int] = []
    entries = zip(inventory.recorded, inventory.ranges, strict=True)
    for number, (entry, place) in enumerate(entries):
        first_rows.append(len(starts))
        per_row.append(math.ceil(entry.kernels / (rows if number in drawn else 1)))
        starts.extend(range(place.start, place.stop, per_row[-1]))
    kernels = tuple(entry.kernels for entry in inventory.recorded)
    columns = max(16, int(COLUMNS * scale))
    return Grid(columns, tuple(starts), tuple(first_rows), tuple(per_row), kernels)


def width_of(steps: int, columns: int) -> tuple[int, int]:
    """How many steps a column takes while they stream by, and how many such columns become one.

    >>> width_of(10_000, 96), width_of(96, 96), width_of(100, 96)
    ((32, 4), (1, 1), (1, 2))
    """
    fine = 1
    while math.ceil(steps / fine) > FINE * columns:
        fine *= 2
    return fine, max(1, math.ceil(math.ceil(steps / fine) / columns))


def words(things: int, noun: str, parts: int, per_part: int, part: str) -> str | None:
    """What was rolled up, in words; `None` if nothing was.

    >>> words(10_000, "recorded steps", 79, 128, "columns")
    '10,000 recorded steps in 79 columns of 128'
    """
    return None if per_part == 1 else f"{things:,} {noun} in {parts:,} {part} of {per_part:,}"
