"""The rows of the tidy tables, cut from blocks without a loop over steps or kernels.

A table's piece is a dict of equally long columns: NumPy arrays, pandas categoricals for texts, an
int32 matrix for the histogram. A column that a piece lacks is null in all its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.inventory import STATUSES, Inventory, WeightEntry

if TYPE_CHECKING:
    import numpy as np
    import pandas

__all__ = [
    "CHUNK_ROWS",
    "Columns",
    "chunks",
    "element_columns",
    "element_positions",
    "joined",
    "kernel_columns",
    "known_statuses",
    "seen",
    "silent_columns",
    "step_columns",
    "weight_columns",
]

Columns = dict[str, Any]

CHUNK_ROWS = 2**18  # at about 50 bytes a row, what is cut at once stays near 16 MiB


def kernel_columns(block: Block, inventory: Inventory, session: int) -> Columns:
    """The rows of "kernels" of a block: steps × kernels of its present weights, in that order.

    The statistics are those that the block has, its histogram an int32 matrix (rows, bins).

    >>> import numpy as np
    >>> entry = WeightEntry("dense", "bias", "Dense", (2,), "float32", (2,), ("u",), (0,))
    >>> one = np.zeros(1)
    >>> block = Block("optimizer", "raw", ("l2",), one, one, one.astype(int), one, one, one, one,
    ...               np.array([True]), np.array([[[0.5, 2.0]]]))
    >>> rows = kernel_columns(block, Inventory((entry,)), 0)
    >>> rows["kernel"].tolist(), rows["l2"].tolist()
    ([0, 1], [0.5, 2.0])
    """
    import numpy as np

    present, steps = np.asarray(block.present, dtype=bool), len(block)
    entries = _chosen(inventory, present)
    counts = np.array([entry.kernels for entry in entries], dtype=np.int64)
    mask = np.repeat(present, [entry.kernels for entry in inventory.recorded])
    weights = _weight_columns_per_kernel(entries)
    columns = _step_part(block, session, int(counts.sum()))
    columns |= {name: _tiled(column, steps) for name, column in weights.items()}
    for place, name in enumerate(block.statistics):
        figures = block.values[:, place, :]
        columns[name] = (figures if mask.all() else figures[:, mask]).astype(inventory.dtype)
        columns[name] = columns[name].reshape(-1)
    if block.histogram is not None:
        columns["histogram"] = block.histogram[:, mask].reshape(-1, block.histogram.shape[-1])
    return columns


def step_columns(block: Block, session: int) -> Columns:
    """The rows of "steps" of a block, one a step. A loss that is not known is NaN."""
    import numpy as np

    known = np.asarray(block.loss_known, dtype=bool)
    return _step_part(block, session, 1) | {
        "learning_rate": np.asarray(block.learning_rate, dtype=np.float64),
        "loss": np.where(known, block.loss, np.nan),
        "loss_known": known,
        "loss_scale": np.asarray(block.loss_scale, dtype=np.float64),
    }


def weight_columns(
    inventory: Inventory, session: int, statuses: Sequence[str] | None = None
) -> Columns:
    """The rows of "weights", one a weight; `statuses` (`known_statuses`) in place of its own."""
    import numpy as np

    entries = inventory.weights
    statuses = [e.status for e in entries] if statuses is None else statuses
    shapes = np.empty(len(entries), dtype=object)
    shapes[:] = [entry.shape for entry in entries]
    return {
        "session": np.full(len(entries), session, dtype=np.int32),
        "layer": _texts([e.layer for e in entries]),
        "weight": _texts([e.weight for e in entries]),
        "path": np.array([e.path for e in entries], dtype=object),
        "class_name": _texts([e.class_name for e in entries]),
        "shape": shapes,
        "unit": _texts(["·".join(e.unit) or None for e in entries]),
        "kernels": np.array([e.kernels for e in entries], dtype=np.int64),
        "size": np.array([e.size for e in entries], dtype=np.int64),
        "dtype": _texts([e.dtype for e in entries]),
        "status": _texts(statuses),
        "reason": _texts([None if s == "recorded" else STATUSES[s] for s in statuses]),
        "undivided": _texts([e.undivided for e in entries]),
    }


def element_columns(block: Block, inventory: Inventory, session: int) -> Columns:
    """The rows of "elements" of a block at the tap raw: steps × elements of its present weights."""
    import numpy as np

    chosen = element_positions(block)
    entries = [inventory.recorded[position] for position in chosen]
    sizes = [entry.kernels * entry.size for entry in entries]
    steps = len(block)

    def flat(side: int) -> np.ndarray[Any, Any]:
        parts = [np.reshape(block.elements[position][side], (steps, -1)) for position in chosen]
        whole = np.concatenate(parts, axis=1) if parts else np.empty((steps, 0))
        return whole.astype(inventory.dtype).reshape(-1)

    kernels = [_kernel_of_elements(entry) for entry in entries]
    columns = _step_part(block, session, sum(sizes))
    columns = {name: columns[name] for name in ("session", "step", "optimizer")}
    columns |= {
        name: _tiled(column, steps)
        for name, column in {
            "layer": _texts([e.layer for e in entries], sizes),
            "weight": _texts([e.weight for e in entries], sizes),
            "kernel": np.concatenate([np.empty(0, np.int64), *kernels]),
            "index": _texts([text for e in entries for text in _indices(e.shape)]),
        }.items()
    }
    return columns | {"value": flat(1), "gradient": flat(0)}


def element_positions(block: Block) -> list[int]:
    """The weights whose elements a table of the block has: present ones, at the tap raw."""
    return sorted(k for k in block.elements if block.present[k]) if block.tap == "raw" else []


def seen(blocks: Iterable[Block], before: Sequence[bool] | None = None) -> list[bool] | None:
    """For each recorded weight, whether any block has a gradient of it, or had one `before`.

    It is `None` while there is no block.
    """
    import numpy as np

    found = before
    for block in blocks:
        present = np.asarray(block.present, dtype=bool)
        found = (present if found is None else np.asarray(found, dtype=bool) | present).tolist()
    return None if found is None else list(found)


def known_statuses(inventory: Inventory, found: Sequence[bool] | None) -> list[str]:
    """The status of each weight, as the recording turned out.

    Args:
        inventory: the weights as they were known when the recording began.
        found: what `seen` found. A weight that no block had is "disconnected".
    """
    if found is None:
        return [entry.status for entry in inventory.weights]
    there = iter(found)
    return [
        "disconnected" if e.status == "recorded" and not next(there) else e.status
        for e in inventory.weights
    ]


def silent_columns(inventory: Inventory, session: int, statuses: Sequence[str]) -> Columns:
    """The rows of "kernels" of the weights without a gradient: a row a kernel, no figures."""
    import numpy as np

    pairs = zip(inventory.weights, statuses, strict=True)
    silent = [(entry, status) for entry, status in pairs if status != "recorded"]
    columns = _weight_columns_per_kernel([entry for entry, _ in silent])
    columns["session"] = np.full(len(columns["kernel"]), session, dtype=np.int32)
    columns["status"] = _texts([s for _, s in silent], [e.kernels for e, _ in silent])
    return columns


def chunks(block: Block, rows_per_step: int) -> Iterator[Block]:
    """The block in pieces of whole steps, of about `CHUNK_ROWS` rows each."""
    stride = max(1, CHUNK_ROWS // max(rows_per_step, 1))
    for start in range(0, len(block), stride):
        yield block.take(slice(start, start + stride))


def joined(pieces: Sequence[Columns]) -> Columns:
    """Pieces one below the other. All have the same columns, but for statistics.

    A statistic or histogram that a piece lacks is masked in its rows.
    """
    import numpy as np
    from pandas.api.types import union_categoricals

    masked: Any = np.ma  # it has no types of its own
    names = list(dict.fromkeys(name for piece in pieces for name in piece))
    whole: Columns = {}
    for name in names:
        some = next(piece[name] for piece in pieces if name in piece)
        parts = [
            piece[name]
            if name in piece
            else masked.masked_all((len(piece["session"]), *some.shape[1:]), some.dtype)
            for piece in pieces
        ]
        if hasattr(some, "categories"):
            whole[name] = union_categoricals(parts)
        elif any(name not in piece for piece in pieces):
            whole[name] = masked.concatenate(parts)
        else:
            whole[name] = np.concatenate(parts)
    return whole


def _chosen(inventory: Inventory, present: Iterable[bool]) -> list[WeightEntry]:
    pairs = zip(inventory.recorded, present, strict=True)
    return [entry for entry, there in pairs if there]


def _step_part(block: Block, session: int, times: int) -> Columns:
    """What the rows of a step have in common, each step's `times` over."""
    import numpy as np
    import pandas

    rows = len(block) * times
    nothing = np.zeros(rows, dtype=np.int8)

    def repeated(numbers: Any, dtype: Any) -> np.ndarray[Any, Any]:
        column = np.asarray(numbers, dtype=dtype)[:, None]
        return np.broadcast_to(column, (len(block), times)).reshape(-1)

    texts = {
        "optimizer": (nothing, [block.optimizer]),
        "tap": (nothing, [block.tap]),
        "status": (repeated(block.status, np.int8), list(STEP_STATUSES)),
    }
    return {
        "session": np.full(rows, session, dtype=np.int32),
        "step": repeated(block.steps, np.int64),
        "epoch": repeated(block.epochs, np.int32),
        **{
            name: pandas.Categorical.from_codes(codes, categories=pandas.Index(categories))
            for name, (codes, categories) in texts.items()
        },
    }


def _weight_columns_per_kernel(entries: Sequence[WeightEntry]) -> Columns:
    """What says which kernel a row is of: a row for each kernel of the weights."""
    import numpy as np

    counts = np.array([entry.kernels for entry in entries], dtype=np.int64)
    starts = np.cumsum(counts) - counts
    sizes = np.array([entry.size for entry in entries], dtype=np.int64)
    return {
        "layer": _texts([entry.layer for entry in entries], counts),
        "weight": _texts([entry.weight for entry in entries], counts),
        "kernel": np.arange(counts.sum(), dtype=np.int64) - np.repeat(starts, counts),
        "size": np.repeat(sizes, counts),
    }


def _texts(values: Sequence[str | None], counts: Any = None) -> pandas.Categorical[Any]:
    """Texts as a categorical, each `counts` times over; `None` is null."""
    import numpy as np
    import pandas

    known = dict.fromkeys(value for value in values if value is not None)
    places = {value: place for place, value in enumerate(known)}
    codes = np.array([-1 if v is None else places[v] for v in values], dtype=np.int32)
    # An empty list has no dtype of its own, and categories of two dtypes do not join.
    categories = pandas.Index([*known, ""])[:-1]
    repeated = codes if counts is None else np.repeat(codes, counts)
    return pandas.Categorical.from_codes(repeated, categories=categories)


def _tiled(column: Any, times: int) -> Any:
    import numpy as np
    import pandas

    if isinstance(column, pandas.Categorical):
        return pandas.Categorical.from_codes(
            np.tile(column.codes, times), categories=column.categories
        )
    return np.tile(column, times)


@lru_cache(maxsize=64)
def _indices(shape: tuple[int, ...]) -> tuple[str, ...]:
    """The position of each element of a variable, the last axis fastest."""
    import numpy as np

    return tuple(",".join(map(str, index)) for index in np.ndindex(shape))


def _kernel_of_elements(entry: WeightEntry) -> np.ndarray[Any, Any]:
    """The index of the kernel that each element of a variable lies in."""
    import numpy as np

    extents = tuple(
        extent if axis in entry.unit_axes else 1 for axis, extent in enumerate(entry.axes_shape)
    )
    grid = np.arange(entry.kernels, dtype=np.int64).reshape(entry.unit_shape)
    grid = grid.transpose(np.argsort(np.array(entry.unit_axes, dtype=np.int64)))
    return np.broadcast_to(grid.reshape(extents), entry.axes_shape).reshape(-1)
