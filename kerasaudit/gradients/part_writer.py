"""Write the parts of a stored run: blocks as Parquet files.

A part is plain Parquet, for any reader: standard types, strings dictionary-encoded, zstd. Figures
are not byte-stream-split: it takes off under one per cent, and Spark 4.0 cannot read it.

The rows stand in the order of their step; what is recorded at one step stays together (a *slab*),
weights in the order of the inventory, kernels by index. Which slab is of which kind of block is
said in the metadata of the part in `steps`, so that the blocks can be had back exactly
(`part_reader`).
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import TargetError
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.columns import (
    CHUNK_ROWS,
    Columns,
    element_columns,
    joined,
    kernel_columns,
    step_columns,
    weight_columns,
)
from kerasaudit.gradients.folder import part_path, written
from kerasaudit.gradients.kinds import Kind, kind_of, merged
from kerasaudit.gradients.session import Session
from kerasaudit.gradients.tables import columns_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["NOTE", "require_pyarrow", "write_part", "write_weights"]

NOTE = b"kerasaudit"
_NULL_IF_NAN = ("learning_rate", "loss_scale")


def require_pyarrow(what: str) -> None:
    """Make sure that pyarrow is there.

    Raises:
        TargetError: it is not; the message says what to install.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise TargetError(f"{what} needs pyarrow: pip install 'kerasaudit[parquet]'") from error


def write_part(
    folder: Path,
    session: Session,
    number: int,
    blocks: Sequence[Block],
    statistics: Sequence[str],
    dtype: str,
) -> None:
    """Write blocks as one part of "kernels", "elements" and, last, "steps".

    Args:
        folder: the folder of the run.
        session: the session that they are of.
        number: the number of the part in it.
        blocks: the blocks, each stream's steps ascending.
        statistics: the columns of figures; one that a block lacks is null.
        dtype: the dtype of figures.

    Raises:
        TargetError: it cannot be written.
    """
    import numpy as np

    by_kind: dict[Kind, list[Block]] = {}
    for block in blocks:
        by_kind.setdefault(kind_of(block), []).append(block)
    kinds = {kind: place for place, kind in enumerate(by_kind)}
    whole = [merged(group) for group in by_kind.values()]
    arrived = np.repeat([kinds[kind_of(b)] for b in blocks], [len(b) for b in blocks])
    order = np.argsort(np.concatenate([block.steps for block in blocks]), kind="stable")
    owner = arrived[order].astype(np.int32)

    inventory, note = session.inventory, _note(list(by_kind), owner)
    cuts: dict[str, Callable[[Block], Columns]] = {
        "kernels": lambda block: kernel_columns(block, inventory, session.session),
        "elements": lambda block: element_columns(block, inventory, session.session),
        "steps": lambda block: step_columns(block, session.session),
    }
    for table, cut in cuts.items():
        sizes = [kind.rows(table, inventory) for kind in by_kind]
        if any(sizes):
            dtypes = columns_of(table, statistics, dtype)
            name = part_path(table, session.session, number)
            groups = _row_groups(whole, owner, sizes, cut)
            _write(folder, name, dtypes, groups, note if table == "steps" else {})


def write_weights(folder: Path, session: Session, statuses: Sequence[str]) -> None:
    """Write the weights of a session as their one part.

    Raises:
        TargetError: it cannot be written.
    """
    columns = weight_columns(session.inventory, session.session, statuses)
    columns["shape"] = [str(shape) for shape in columns["shape"]]
    name = part_path("weights", session.session, 0)
    _write(folder, name, columns_of("weights", ()), iter([columns]), {})


def _note(kinds: Sequence[Kind], owner: np.ndarray[Any, Any]) -> dict[bytes, bytes]:
    packed = base64.b85encode(zlib.compress(owner.astype("<i4").tobytes())).decode()
    return {NOTE: json.dumps({"kinds": [k.to_json() for k in kinds], "owner": packed}).encode()}


def _row_groups(
    whole: Sequence[Block],
    owner: np.ndarray[Any, Any],
    sizes: Sequence[int],
    cut: Callable[[Block], Columns],
) -> Iterator[Columns]:
    """The rows of all slabs in order, whole slabs at a time, as many as may be held at once."""
    import numpy as np

    lengths = np.array(sizes)[owner]
    ends, start, taken = np.cumsum(lengths), 0, [0] * len(whole)
    while start < len(owner):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + CHUNK_ROWS, side="right")))
        here = owner[start:stop]
        pieces = []
        for place in np.unique(here):
            count = int((here == place).sum())
            if sizes[place]:
                rows = slice(taken[place], taken[place] + count)
                pieces.append(cut(whole[place].take(rows)))
            taken[place] += count
        if pieces:
            yield _interleaved(joined(pieces), here, lengths[start:stop])
        start = stop


def _interleaved(
    columns: Columns, here: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]
) -> Columns:
    """Rows that stand kind after kind, put in the order of their slabs."""
    import numpy as np

    if (here == here[0]).all():
        return columns
    by_kind = np.argsort(here, kind="stable")
    starts = np.empty(len(here), dtype=np.int64)
    starts[by_kind] = np.cumsum(lengths[by_kind]) - lengths[by_kind]
    rows = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
    return {name: column[rows] for name, column in columns.items()}


def _write(
    folder: Path,
    name: str,
    dtypes: Mapping[str, str],
    groups: Iterator[Columns],
    note: Mapping[bytes, bytes],
) -> None:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(column, _arrow_type(column, dtypes[column])) for column in dtypes])
    encoded = [column for column in dtypes if not dtypes[column].startswith("float")]
    try:
        with (
            written(folder, name) as file,
            pyarrow.parquet.ParquetWriter(
                file,
                schema,
                compression="zstd",
                use_dictionary=encoded,
                write_statistics=encoded,  # no one looks for a part by its figures
                write_page_checksum=True,
                store_schema=False,  # so that a reader gets strings, not categories of Arrow's
            ) as writer,
        ):
            for columns in groups:
                arrays = [_arrow(columns, field.name, field.type) for field in schema]
                writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            writer.add_key_value_metadata(dict(note))
    except pyarrow.ArrowException as error:
        raise TargetError(f"{folder / name}: cannot be written: {error}") from error


def _arrow_type(name: str, dtype: str) -> Any:
    import pyarrow

    if name == "histogram":
        return pyarrow.list_(pyarrow.int32())
    if dtype == "category":
        return pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    return pyarrow.type_for_alias({"object": "string"}.get(dtype, dtype.lower()))


def _arrow(columns: Columns, name: str, kind: Any) -> Any:
    """A column as Arrow has it; what is not known is null."""
    import numpy as np
    import pyarrow

    column = columns.get(name)
    if column is None:
        return pyarrow.nulls(len(columns["session"]), kind)
    if hasattr(column, "categories"):
        codes = np.asarray(column.codes, dtype=np.int32)
        texts = pyarrow.array(list(column.categories), pyarrow.string())
        return pyarrow.DictionaryArray.from_arrays(pyarrow.array(codes, mask=codes < 0), texts)
    if name == "histogram":
        ends = np.arange(len(column) + 1, dtype=np.int32) * column.shape[1]
        null = pyarrow.array(np.ma.getmaskarray(column)[:, 0])
        counts = np.ascontiguousarray(np.ma.getdata(column)).reshape(-1)
        return pyarrow.ListArray.from_arrays(ends, counts, mask=null)
    if name == "epoch":  # a block says −1 where there is none
        return pyarrow.array(column, kind, mask=column < 0)
    if name == "loss":
        return pyarrow.array(column, kind, mask=~columns["loss_known"])
    return pyarrow.array(column, kind, mask=np.isnan(column) if name in _NULL_IF_NAN else None)
