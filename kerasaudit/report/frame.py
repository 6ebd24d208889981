"""pandas DataFrames of a result's tables, with documented columns.

`TABLES` states each table's columns, their dtype and their meaning; an empty table has them too.
Figures are raw and nullable (`Int64`), texts are `string`, shapes are tuples in `object` columns
(`None` where a shape is not known). A count beyond 64 bits makes its column `object`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import ConfigError
from kerasaudit.reconciliation.result import Audit, ClaimRow, WeightRow

if TYPE_CHECKING:
    import pandas

__all__ = ["TABLES", "column", "to_frame"]

TABLES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "layers": {
        "path": ("string", "names of the models around the layer and its own: encoder/conv1"),
        "class_name": ("string", "its class"),
        "status": ("string", "ok, mismatch, unsupported, exempt or unbuilt"),
        "formula": ("string", "its count in symbols: kh·kw·C_in·K + K"),
        "working": ("string", "the same in numbers: 3·3·32·64 + 64"),
        "derived": ("Int64", "parameters by arithmetic"),
        "observed": ("Int64", "parameters in the live model"),
        "stored": ("Int64", "parameters in the file"),
        "reported": ("Int64", "the layer's own count_params()"),
        "trainable": ("Int64", "parameters that the optimizer updates"),
        "non_trainable": ("Int64", "the other parameters"),
        "macs": ("Int64", "multiply-accumulates of all its calls, per example"),
        "output_shape": ("object", "shape of its first call's output, batch axis first"),
        "calls": ("Int64", "how often it is applied"),
        "reason": ("string", "why it is not ok"),
        "logical": ("Int64", "parameters of the float layer that it stands for"),
        "adapter": ("Int64", "parameters that LoRA adds"),
        "bytes": ("Int64", "bytes of its parameters, in the dtypes that they have"),
        "dtype_policy": ("string", "what sets its dtypes: float32, mixed_float16"),
        "activation_elements": ("Int64", "elements that its calls hand on, per example"),
        "activation_bytes": ("Int64", "the same in bytes"),
        "receptive_field": (
            "object",
            "positions of the input that one of its output sees, per axis",
        ),
        "effective_stride": ("object", "how far that moves on the input per position, per axis"),
        "effective_padding": ("object", "how far the first one begins before the input, per axis"),
        "backward_macs": ("Int64", "multiply-accumulates of its gradients, per example"),
    },
    "weights": {
        "layer": ("string", "path of the layer"),
        "name": ("string", "name of the weight in it"),
        "path": ("string", "Keras's path of the variable, or its dataset in the file"),
        "shape": ("object", "derived shape (that held where nothing is derived)"),
        "axes": ("object", "tuple of (symbol, extent) pairs"),
        "unit": ("string", "symbols of the axes along which it falls into kernels"),
        "formula": ("string", "product of its axes in symbols"),
        "working": ("string", "the same in numbers"),
        "derived": ("Int64", "elements by arithmetic"),
        "observed_shape": ("object", "shape in the live model"),
        "observed": ("Int64", "elements in the live model"),
        "dtype": ("string", "its dtype"),
        "trainable": ("boolean", "whether the optimizer updates it"),
        "role": ("string", "parameter, adapter (LoRA) or quantization (scales and the like)"),
        "logical": ("Int64", "parameters of the float layer that it holds"),
        "shared_with": ("string", "the weight that it is the same variable as, counted there"),
        "stored_shape": ("object", "shape in the file"),
        "stored": ("Int64", "elements in the file"),
    },
    "calls": {
        "layer": ("string", "path of the layer"),
        "call": ("Int64", "number of this application of it"),
        "class_name": ("string", "class of the layer"),
        "input_shapes": ("object", "tuple of shapes"),
        "output_shape": ("object", "shape, or tuple of shapes"),
        "macs": ("Int64", "multiply-accumulates per example"),
        "declared": ("boolean", "whether a shape is the config's word, not derived"),
        "backward_macs": ("Int64", "multiply-accumulates of its gradients, per example"),
        "activation_elements": ("Int64", "elements that it hands on, per example"),
        "activation_bytes": ("Int64", "the same in bytes"),
        "live_bytes": ("Int64", "bytes of all activations that are alive while it runs"),
    },
    "claims": {
        "subject": ("string", 'path of the layer, or "total"'),
        "quantity": ("string", "what is claimed: params, macs, output_shape, …"),
        "status": ("string", "ok, wrong, erratum or unjudged"),
        "claimed": ("string", "the claimed figure"),
        "derived": ("string", "the derived one"),
        "observed": ("string", "the observed one"),
        "steps": ("object", "tuple of the source's steps as written"),
        "corrections": ("object", "tuple of the corrections declared for them, None for most"),
        "message": ("string", "the verdict in words"),
        "source": ("string", "where the figure stands"),
    },
    "budgets": {
        "subject": ("string", 'path of the layer, or "total"'),
        "quantity": ("string", "what is limited: params, macs, bytes, …"),
        "limit": ("Int64", "the most that it may be"),
        "actual": ("Int64", "what it is"),
        "status": ("string", "ok, over or unknown"),
        "source": ("string", "where the budget is set"),
    },
    "findings": {
        "code": ("string", "stable code: kerasaudit explain KA101"),
        "path": ("string", 'path of the layer, or "total"'),
        "message": ("string", "one line"),
        "incomplete": ("boolean", "whether something could not be audited, rather than is wrong"),
        "formula": ("string", "the count in symbols"),
        "working": ("string", "the same in numbers"),
        "expected": ("string", "what was derived"),
        "observed": ("string", "what is there"),
        "difference": ("Int64", "observed minus expected"),
        "cause": ("string", "the likely cause, where it can be told"),
        "severity": ("string", "error, or warning: shown and not counted against the model"),
    },
}


def to_frame(audit: Audit, table: str = "layers") -> pandas.DataFrame:
    """One table of an audit as a DataFrame.

    Args:
        audit: the result.
        table: "layers", "weights", "calls", "claims", "budgets" or "findings"; `TABLES` documents
            their columns.

    Raises:
        ConfigError: there is no such table.

    >>> import kerasaudit as ka
    >>> net = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
    ...     {"class_name": "Dense", "config": {"name": "out", "units": 2}},
    ... ]}}
    >>> frame = to_frame(ka.audit(net), "layers")
    >>> print(*frame.loc[1, ["path", "working", "derived"]])
    out 4·2 + 2 10
    """
    import pandas

    columns = TABLES.get(table)
    if columns is None:
        raise ConfigError(f"no table {table!r}; an audit has {', '.join(TABLES)}")
    rows = list(getattr(audit, table))
    return pandas.DataFrame(
        {
            name: column((_value(row, name) for row in rows), dtype)
            for name, (dtype, _) in columns.items()
        }
    )


def _value(row: Any, column: str) -> Any:
    if isinstance(row, WeightRow) and column == "axes":
        return tuple((axis.symbol, axis.extent) for axis in row.axes)
    if isinstance(row, WeightRow) and column == "unit":
        return "·".join(axis.symbol for axis in row.axes if axis.unit) or None
    if isinstance(row, ClaimRow) and column == "steps":
        return tuple(step.text for step in row.steps)
    if isinstance(row, ClaimRow) and column == "corrections":
        return tuple(step.correction for step in row.steps)
    return getattr(row, column)


def column(values: Iterable[Any], dtype: str) -> pandas.Series[Any]:
    """A column of that dtype; of objects where a figure is too large for it."""
    import pandas

    items = list(values)
    try:
        return pandas.Series(items, dtype=dtype)
    except OverflowError:
        return pandas.Series(items, dtype="object")
