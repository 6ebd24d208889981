"""Statistics on PyTorch, in as few kernels as there can be.

Without a compiler every operation is a kernel of its own, and what every step takes are norms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from kerasaudit.gradients.figures import Tensors, figures
from kerasaudit.gradients.inventory import WeightEntry

__all__ = ["NO_FLOAT64", "change", "computed"]

# Devices without float64, on which there is nothing wider than float32 to sum in.
NO_FLOAT64 = ("mps",)


def computed(
    names: Sequence[str],
    entries: Sequence[WeightEntry],
    tensors: Sequence[Tensors],
    dtype: str,
    scale: Any = None,
) -> dict[str, Any]:
    """Statistics by name, each a vector of all kernels; the histogram (kernels, bins).

    Norms are what every step takes, so they are made of as few kernels as there can be: a norm of
    float32 elements that is summed in float64 is exact without any scaling. All the rest, and all
    of it where there is nothing wider to sum in, is `figures.figures`.
    """
    wider = dtype == "float32" and _device(tensors).type not in NO_FLOAT64
    quick = [name for name in names if wider and name in _QUICK]
    rest = [name for name in names if name not in quick]
    found = {name: _QUICK[name](entries, tensors, scale) for name in quick}
    if rest:
        made = figures(rest, entries, tensors, dtype, scale)
        found |= dict(zip([n for n in rest if n != "histogram"], made.values, strict=True))
        found |= {} if made.histogram is None else {"histogram": made.histogram}
    return found


def _device(tensors: Sequence[Tensors]) -> Any:
    held = (t for one in tensors for t in (one.gradient, one.before) if t is not None)
    return next((tensor.device for tensor in held), torch.device("cpu"))


def _norms(
    entries: Sequence[WeightEntry], tensors: Sequence[Any], order: float, scale: Any = None
) -> Any:
    """The norm of every kernel of every weight, NaN for a weight that is not there."""
    dtype = torch.float64 if order == 2 else torch.float32
    parts = []
    for entry, tensor in zip(entries, tensors, strict=True):
        if tensor is None:
            parts.append(torch.full((entry.kernels,), torch.nan, device=_any_device(tensors)))
        elif entry.size == 1:
            parts.append(tensor.to(torch.float32).abs().reshape(-1))
        else:
            apart = tensor.reshape(entry.axes_shape)
            norm = torch.linalg.vector_norm(apart, order, dim=entry.reduced_axes, dtype=dtype)
            parts.append(norm.reshape(-1))
    norms = torch.cat(parts)
    return norms if scale is None else norms / scale


def _any_device(tensors: Sequence[Any]) -> Any:
    return next((tensor.device for tensor in tensors if tensor is not None), "cpu")


def _weight_norm(entries: Sequence[WeightEntry], tensors: Sequence[Tensors], _: Any) -> Any:
    return _norms(entries, [one.before for one in tensors], 2)


def _update_norm(entries: Sequence[WeightEntry], tensors: Sequence[Tensors], _: Any) -> Any:
    return _norms(entries, [change(one) for one in tensors], 2)


def _update_ratio(entries: Sequence[WeightEntry], tensors: Sequence[Tensors], _: Any) -> Any:
    update = _update_norm(entries, tensors, _)
    weight = _weight_norm(entries, tensors, _)
    return torch.where((update == 0) & (weight == 0), 0.0, update / weight)


def change(of_weight: Tensors) -> Any:
    """The update of a weight, `None` where it was not read around it."""
    if of_weight.before is None or of_weight.after is None:
        return None
    return of_weight.after - of_weight.before


_QUICK: Mapping[str, Callable[[Sequence[WeightEntry], Sequence[Tensors], Any], Any]] = {
    "l2": lambda entries, all_, scale: _norms(entries, [t.gradient for t in all_], 2, scale),
    "max_abs": lambda entries, all_, scale: _norms(
        entries, [t.gradient for t in all_], torch.inf, scale
    ),
    "weight_l2": _weight_norm,
    "update_l2": _update_norm,
    "update_ratio": _update_ratio,
}
