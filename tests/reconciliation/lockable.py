"""The model that the tests of the locks lock, with its figures worked out."""

from __future__ import annotations

from typing import Any

from kerasaudit.observation.target import one_subject
from kerasaudit.reconciliation.audit import examine
from kerasaudit.reconciliation.audited import Audited

# 28·28·1 → 8 kernels of 3×3: 3·3·1·8 + 8 weights at 26·26 positions.
CONV = 3 * 3 * 1 * 8 + 8
CONV_MACS = 26 * 26 * 3 * 3 * 8
# 26·26·8 values flat → 4 units.
FLAT = 26 * 26 * 8
DENSE = FLAT * 4 + 4
DENSE_MACS = FLAT * 4
PARAMS = CONV + DENSE
MACS = CONV_MACS + DENSE_MACS


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def sequential(*layers: dict[str, Any], name: str = "net") -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def net(
    filters: int = 8, units: int = 4, extent: int | None = 28, **of_conv: Any
) -> dict[str, Any]:
    return sequential(
        layer("InputLayer", name="x", batch_shape=[None, extent, extent, 1]),
        layer("Conv2D", name="conv", filters=filters, kernel_size=3, **of_conv),
        layer("Flatten", name="flat"),
        layer("Dense", name="dense", units=units),
    )


def examined(target: Any) -> Audited:
    return examine(one_subject(target))
