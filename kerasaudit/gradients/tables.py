"""The tidy tables of a recording: their columns, documented.

`TABLES` states each table's columns, their dtype in pandas and their meaning with its unit; an
empty table has them too. A Parquet run has the same columns: categories are strings there, shapes
texts, a histogram list<int32>.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.inventory import STATUSES
from kerasaudit.gradients.statistics import STATISTICS

__all__ = ["TABLES", "columns_of"]

_SESSION = ("int32", "number of the session, from 0: each training that a store is given is one")
_STEP = ("Int64", "number of the optimizer's step, from 0: its `iterations` before the step")
_EPOCH = ("Int32", "number of the epoch, from 0; null outside of fit")
_OPTIMIZER = ("category", 'attribute of the model that holds the optimizer, or "tape"')
_LAYER = ("category", "path of the layer: encoder/conv1")
_WEIGHT = ("category", "name of the weight in it: kernel")
_TAP = ("category", "where the gradient is read: raw, clipped or applied")
_KERNEL = ("Int64", "index along the unit axis; over several of them, the last one fastest")
_STEP_STATUS = "ok, overflow (step skipped) or accumulated (no update yet)"

TABLES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "kernels": {
        "session": _SESSION,
        "step": _STEP,
        "epoch": _EPOCH,
        "optimizer": _OPTIMIZER,
        "layer": _LAYER,
        "weight": _WEIGHT,
        "kernel": _KERNEL,
        "size": ("Int64", "elements in the kernel"),
        "tap": _TAP,
        "status": ("category", f"{_STEP_STATUS}; {', '.join(list(STATUSES)[1:])}: no gradient"),
        # Of these, the ones that were asked for; float64 where the inventory has a float64 weight.
        # In units of the gradient (loss per unit of weight), at the tap "applied" of the weight.
        **{
            name: ("object" if name == "histogram" else "float32", meaning)
            for name, meaning in STATISTICS.items()
        },
    },
    "steps": {
        "session": _SESSION,
        "step": _STEP,
        "epoch": _EPOCH,
        "optimizer": _OPTIMIZER,
        "tap": _TAP,
        "status": ("category", _STEP_STATUS),
        "learning_rate": ("float64", "learning rate of the step; null: not known"),
        "loss": ("float64", "loss of the step's batch, its loss scale divided out"),
        "loss_known": ("bool", "whether the loss was seen; a loss that was seen may be NaN"),
        "loss_scale": ("float64", "factor on the loss in mixed precision; 1 without one"),
    },
    "weights": {
        "session": _SESSION,
        "layer": _LAYER,
        "weight": _WEIGHT,
        "path": ("string", "layer and weight: encoder/conv1/kernel"),
        "class_name": ("category", "class of the layer"),
        "shape": ("object", "shape of the variable"),
        "unit": ("category", "symbols of the unit axes, joined with ·; null: it is one kernel"),
        "kernels": ("Int64", "how many kernels it falls into"),
        "size": ("Int64", "elements in each of them"),
        "dtype": ("category", "dtype of the variable"),
        "status": ("category", ", ".join(STATUSES)),
        "reason": ("category", "why no gradient of it is recorded"),
        "undivided": ("category", "why it has no unit axis, where that is for want of a rule"),
    },
    "elements": {
        "session": _SESSION,
        "step": _STEP,
        "optimizer": _OPTIMIZER,
        "layer": _LAYER,
        "weight": _WEIGHT,
        "kernel": _KERNEL,
        "index": ("category", "position in the variable: 0,0,0,3"),
        "value": ("float32", "the weight before the step"),
        "gradient": ("float32", "the gradient as the optimizer is given it (the tap raw)"),
    },
}


def columns_of(table: str, statistics: Sequence[str], dtype: str = "float32") -> dict[str, str]:
    """The columns of a table and their dtypes, of the statistics only those asked for.

    Args:
        table: a key of `TABLES`.
        statistics: the statistics, in the order in which their columns stand.
        dtype: what figures are kept in, as `Inventory.dtype` has it.

    Raises:
        ConfigError: there is no such table.

    >>> list(columns_of("kernels", ("max_abs", "l2"), "float64").items())[-2:]
    [('max_abs', 'float64'), ('l2', 'float64')]
    """
    if table not in TABLES:
        raise ConfigError(f"no table {table!r}; a recording has {', '.join(TABLES)}")
    fixed = {name: kind for name, (kind, _) in TABLES[table].items() if name not in STATISTICS}
    asked = {n: TABLES[table][n][0] for n in statistics} if table == "kernels" else {}
    return {n: dtype if kind == "float32" else kind for n, kind in (fixed | asked).items()}
