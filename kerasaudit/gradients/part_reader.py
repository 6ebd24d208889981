"""Read the parts of a stored run back as blocks (`part_writer` says how they are laid out)."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import TargetError
from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.folder import part_path
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.kinds import Kind
from kerasaudit.gradients.part_writer import NOTE
from kerasaudit.gradients.session import Session

if TYPE_CHECKING:
    import numpy as np

__all__ = ["read_part"]


def read_part(
    folder: Path, session: Session, number: int, wanted: Sequence[str] | None = None
) -> list[Block]:
    """The blocks of one part: of each stream one, or one for each stretch of the same kind.

    A weight that a block does not have is NaN in its values, 0 in its histogram, and not in its
    elements; a loss that is not known is NaN.

    Args:
        folder: the folder of the run.
        session: the session that they are of.
        number: the number of the part in it.
        wanted: which statistics, and whether "histogram" and "elements"; `None` for all.

    Raises:
        TargetError: a file of the part is missing, truncated, or not of this run.
    """

    def path(table: str) -> Path:
        return folder / part_path(table, session.session, number)

    with _clear_errors(path("steps")):
        part = _Part.open(path("steps"), session.inventory, wanted)
        steps = _columns(path("steps"), _STEP_COLUMNS, len(part.owner))
    with _clear_errors(path("kernels")):
        figures = part.figures(path("kernels"))
    with _clear_errors(path("elements")):
        elements = part.elements(path("elements"))
    blocks = [
        part.block(place, steps, values, histogram, listed)
        for place, ((values, histogram), listed) in enumerate(zip(figures, elements, strict=True))
    ]
    return _in_order(blocks, part.owner)


_STEP_COLUMNS = ("step", "epoch", "status", "learning_rate", "loss", "loss_known", "loss_scale")


@dataclass(frozen=True)
class _Part:
    """What a part is made of: for each slab, in order, the kind of block that it is of."""

    kinds: tuple[Kind, ...]
    owner: np.ndarray[Any, Any]
    inventory: Inventory

    @classmethod
    def open(cls, path: Path, inventory: Inventory, wanted: Sequence[str] | None) -> _Part:
        """What the metadata of a part in "steps" says."""
        import numpy as np
        import pyarrow.parquet

        metadata = pyarrow.parquet.read_metadata(path).metadata or {}
        if NOTE not in metadata:
            raise ValueError("it does not say of which blocks it is")
        note = json.loads(metadata[NOTE])
        kinds = tuple(_only(Kind.from_json(row), wanted) for row in note["kinds"])
        owner = np.frombuffer(zlib.decompress(base64.b85decode(note["owner"])), dtype="<i4")
        return cls(kinds, owner, inventory)

    def figures(self, path: Path) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]]:
        """Values and histogram of the one block of each kind."""
        import numpy as np

        asked = {name for kind in self.kinds for name in kind.statistics}
        binned = [kind.bins is not None for kind in self.kinds]
        names = sorted(asked) + ["histogram"] * any(binned)
        sizes = np.array([kind.rows("kernels", self.inventory) for kind in self.kinds])
        columns = _columns(path, names, int(sizes[self.owner].sum()))
        found = []
        for place, kind in enumerate(self.kinds):
            rows, mask = self._rows(sizes, place), self._mask(kind)
            shape = (len(rows), len(kind.statistics), len(mask))
            values = np.full(shape, np.nan, dtype=self.inventory.dtype)
            for position, name in enumerate(kind.statistics if rows.size else ()):
                values[:, position, mask] = columns[name].to_numpy()[rows]
            counts = None
            if kind.bins is not None:
                counts = np.zeros((len(rows), len(mask), kind.bins), dtype=np.int32)
                if rows.size:  # rows without a histogram take no place in the flattened column
                    flat = columns["histogram"].combine_chunks().flatten().to_numpy()
                    rows = self._rows(np.where(binned, sizes, 0), place)
                    counts[:, mask] = flat.reshape(-1, kind.bins)[rows]
            found.append((values, counts))
        return found

    def elements(self, path: Path) -> list[dict[int, tuple[Any, Any]]]:
        """The elements of the one block of each kind."""
        import numpy as np

        sizes = np.array([kind.rows("elements", self.inventory) for kind in self.kinds])
        columns = _columns(path, ("gradient", "value"), int(sizes[self.owner].sum()))
        found = []
        for place, kind in enumerate(self.kinds):
            rows, start, listed = self._rows(sizes, place), 0, {}
            for position in kind.listed:
                entry = self.inventory.recorded[position]
                stop = start + entry.kernels * entry.size
                shape = (len(rows), *entry.shape)
                gradient, value = (
                    columns[name].to_numpy()[rows[:, start:stop]].reshape(shape)
                    if rows[:, start:stop].size
                    else np.empty(shape)
                    for name in ("gradient", "value")
                )
                dtype = self.inventory.dtype
                listed[position] = gradient.astype(dtype), value.astype(dtype)
                start = stop
            found.append(listed)
        return found

    def block(
        self,
        place: int,
        steps: dict[str, Any],
        values: np.ndarray[Any, Any],
        histogram: np.ndarray[Any, Any] | None,
        elements: dict[int, tuple[Any, Any]],
    ) -> Block:
        """The one block of a kind."""
        import numpy as np

        kind, slabs = self.kinds[place], self.owner == place
        codes = {status: code for code, status in enumerate(STEP_STATUSES)}
        column = {name: steps[name].to_numpy()[slabs] for name in _STEP_COLUMNS}
        column["epoch"] = steps["epoch"].fill_null(-1).to_numpy()[slabs]
        present = np.ones(len(self.inventory.recorded), dtype=bool)
        present[list(kind.absent)] = False
        return Block(
            kind.optimizer,
            kind.tap,
            kind.statistics,
            steps=column["step"],
            epochs=column["epoch"],
            status=np.array([codes[status] for status in column["status"]], dtype=np.int8),
            learning_rate=column["learning_rate"],
            loss=column["loss"],
            loss_known=column["loss_known"],
            loss_scale=column["loss_scale"],
            present=present,
            values=values,
            histogram=histogram,
            elements=elements,
        )

    def _rows(self, sizes: np.ndarray[Any, Any], place: int) -> np.ndarray[Any, Any]:
        """The rows that a kind's slabs lie in: (slabs, rows of each)."""
        import numpy as np

        lengths = sizes[self.owner]
        starts = (np.cumsum(lengths) - lengths)[self.owner == place]
        found: np.ndarray[Any, Any] = starts[:, None] + np.arange(sizes[place])
        return found

    def _mask(self, kind: Kind) -> np.ndarray[Any, Any]:
        """Which kernels of the vector a kind has."""
        import numpy as np

        absent = set(kind.absent)
        there = [place not in absent for place in range(len(self.inventory.recorded))]
        return np.repeat(there, [entry.kernels for entry in self.inventory.recorded])


def _only(kind: Kind, wanted: Sequence[str] | None) -> Kind:
    """The kind with nothing but what is wanted of it."""
    if wanted is None:
        return kind
    return replace(
        kind,
        statistics=tuple(name for name in kind.statistics if name in wanted),
        bins=kind.bins if "histogram" in wanted else None,
        elements=kind.elements if "elements" in wanted else (),
    )


def _columns(path: Path, names: Sequence[str], rows: int) -> dict[str, Any]:
    """Columns of a part that must have so many rows; nothing is read where it has none."""
    import pyarrow.parquet

    if not names or not rows:
        return {}
    with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read(columns=list(names))
    if table.num_rows != rows:
        raise ValueError(f"expected {rows:,} rows, found {table.num_rows:,}")
    return {name: table.column(name) for name in names}


def _in_order(blocks: Sequence[Block], owner: np.ndarray[Any, Any]) -> list[Block]:
    """The blocks of all kinds, cut where their stream changes its kind, by their first slab."""
    import numpy as np

    streams: dict[tuple[str, str], list[int]] = {}
    for place, block in enumerate(blocks):
        streams.setdefault((block.optimizer, block.tap), []).append(place)
    found: list[tuple[int, Block]] = []
    for places in streams.values():
        slabs = np.flatnonzero(np.isin(owner, places))
        taken = dict.fromkeys(places, 0)
        for stretch in np.split(slabs, np.flatnonzero(np.diff(owner[slabs])) + 1):
            place = int(owner[stretch[0]])
            rows = slice(taken[place], taken[place] + len(stretch))
            taken[place] += len(stretch)
            whole = len(stretch) == len(blocks[place])
            found.append((int(stretch[0]), blocks[place] if whole else blocks[place].take(rows)))
    return [block for _, block in sorted(found, key=lambda pair: pair[0])]


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except FileNotFoundError as error:
        raise TargetError(f"{path}: missing; expected a part of the run") from error
    except (OSError, LookupError, TypeError, ValueError, zlib.error) as error:
        raise TargetError(f"{path}: truncated, or not a part of this run: {error}") from error
    except pyarrow.ArrowException as error:
        raise TargetError(f"{path}: truncated, or not a part of this run: {error}") from error
