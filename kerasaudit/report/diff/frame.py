"""pandas DataFrames of a diff's tables, with documented columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import ConfigError
from kerasaudit.reconciliation.differences import Diff
from kerasaudit.report.frame import column

if TYPE_CHECKING:
    import pandas

__all__ = ["TABLES", "to_frame"]

_PATHS = {
    "old_path": ("string", "path of the layer in the old model"),
    "new_path": ("string", "path of the layer in the new model"),
}
_FIGURES = {
    "name": ("string", "the tally, as `Totals` and `LayerRow` call it"),
    "old": ("object", "its figure in the old model"),
    "new": ("object", "its figure in the new model"),
    "difference": ("object", "new minus old"),
}
TABLES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "layers": {
        "kind": ("string", "added, removed, changed, renamed or moved"),
        **_PATHS,
        "old_class_name": ("string", "its class in the old model"),
        "new_class_name": ("string", "its class in the new model"),
        "old_position": ("Int64", "its place among the old layers, from 0"),
        "new_position": ("Int64", "its place among the new layers, from 0"),
        "old_params": ("Int64", "its parameters in the old model"),
        "new_params": ("Int64", "its parameters in the new model"),
        "difference": ("Int64", "new minus old; what is not there counts as 0"),
        "old_output_shape": ("object", "shape of its first call's output in the old model"),
        "new_output_shape": ("object", "the same in the new model"),
        "moved": ("boolean", "whether it stands at another place among the others"),
    },
    "config": {
        **_PATHS,
        "key": ("string", "dotted key of the value"),
        "old": ("object", "the value in the old config, None where it does not give it"),
        "new": ("object", "the value in the new config"),
    },
    "weights": {
        **_PATHS,
        "name": ("string", "name of the weight in the layer"),
        "old_shape": ("object", "its shape in the old model, None where it has none"),
        "new_shape": ("object", "its shape in the new model"),
        "old_dtype": ("string", "its dtype in the old model"),
        "new_dtype": ("string", "its dtype in the new model"),
        "old_trainable": ("boolean", "whether training changed it"),
        "new_trainable": ("boolean", "whether training changes it"),
    },
    "tallies": {**_PATHS, **_FIGURES},
    "connections": {
        **_PATHS,
        "old": ("object", "tuple of what fed it, call after call"),
        "new": ("object", "tuple of what feeds it"),
    },
    "totals": _FIGURES,
}
_OF_LAYERS = ("config", "weights", "tallies")


def to_frame(diff: Diff, table: str = "layers") -> pandas.DataFrame:
    """One table of a diff as a DataFrame.

    Args:
        diff: the result.
        table: "layers", "config", "weights", "tallies" (of the layers), "connections" or "totals".

    Raises:
        ConfigError: there is no such table.
    """
    import pandas

    columns = TABLES.get(table)
    if columns is None:
        raise ConfigError(f"no table {table!r}; a diff has {', '.join(TABLES)}")
    rows = list(_rows(diff, table))
    return pandas.DataFrame(
        {name: column((row(name) for row in rows), dtype) for name, (dtype, _) in columns.items()}
    )


def _rows(diff: Diff, table: str) -> Iterator[Any]:
    """For each row, what gives the value of a column."""
    if table not in _OF_LAYERS:
        for row in getattr(diff, table):
            yield lambda name, row=row: getattr(row, name)
        return
    for layer in diff.layers:
        for row in getattr(layer, table):
            yield lambda name, row=row, layer=layer: getattr(layer if name in _PATHS else row, name)
