"""Bytes: how much memory the elements of a dtype take, and which dtype a layer computes in.

A mixed policy holds weights in one dtype and computes in another: under "mixed_float16" the
weights are float32 (4 bytes an element) and what the layers hand on is float16 (2 bytes).
Source: Micikevicius et al. 2018, "Mixed precision training"; Keras dtype_policies/dtype_policy.py.

Beside the weights stand what an optimizer keeps for each of them (two further copies for Adam) and
their gradients: neither is counted here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.shape import total

__all__ = ["bytes_by_dtype", "compute_dtype", "dtype_bytes", "parameter_bytes", "policy_name"]

# What the name of a dtype does not say by a number of bits.
_ODD = {
    "bool": 1,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "complex64": 8,
    "complex128": 16,
}
_NUMBERED = re.compile(r"(?:u?int|float)(8|16|32|64)")


def dtype_bytes(dtype: str | None) -> int | None:
    """The bytes of one element; `None` where the dtype is not known or has no fixed size.

    Nor has "int", the backend's default integer: int64 in TensorFlow, int32 in JAX and PyTorch.

    >>> dtype_bytes("float32"), dtype_bytes("bfloat16"), dtype_bytes("uint8"), dtype_bytes("string")
    (4, 2, 1, None)
    """
    if dtype is None:
        return None
    if dtype in _ODD:
        return _ODD[dtype]
    numbered = _NUMBERED.fullmatch(dtype)
    return int(numbered[1]) // 8 if numbered else None


def parameter_bytes(weights: Iterable[tuple[int | None, str | None]]) -> int | None:
    """The bytes of weights, each given by its elements and dtype; `None` if any is not known.

    >>> parameter_bytes([(288, "float32"), (32, "float32"), (1, "int32")])
    1284
    """
    return total(
        None if count is None or (size := dtype_bytes(dtype)) is None else count * size
        for count, dtype in weights
    )


def bytes_by_dtype(
    weights: Iterable[tuple[int | None, str | None]],
) -> dict[str, int | None]:
    """The bytes of weights for each dtype, in the order in which the dtypes are met.

    >>> bytes_by_dtype([(288, "float32"), (1, "int32"), (32, "float32")])
    {'float32': 1280, 'int32': 4}
    """
    parts: dict[str, list[tuple[int | None, str | None]]] = {}
    for count, dtype in weights:
        parts.setdefault(dtype or "unknown", []).append((count, dtype))
    return {dtype: parameter_bytes(part) for dtype, part in parts.items()}


def policy_name(layer: LayerConfig) -> str | None:
    """The name of the layer's dtype policy, "float32" where it has none.

    A dtype, "mixed_float16", or a quantised one, "int8_from_mixed_bfloat16"; `None` where it
    cannot be told by one name (a `DTypePolicyMap`).

    >>> policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    >>> policy_name(LayerConfig({"class_name": "Dense", "config": {"dtype": policy}}))
    'mixed_float16'
    """
    if layer.is_operation and layer.get("dtype") is None:
        return None  # an operation has the dtype of what it is given
    policy = layer.get("dtype", "float32")
    if not isinstance(policy, Mapping):
        return policy if isinstance(policy, str) else None
    config = policy.get("config")
    inner = config if isinstance(config, Mapping) else {}
    mode, source, name = inner.get("mode"), inner.get("source_name"), inner.get("name")
    if isinstance(mode, str) and isinstance(source, str):
        return f"{mode}_from_{source}"
    return name if isinstance(name, str) and policy.get("class_name") != "DTypePolicyMap" else None


def compute_dtype(layer: LayerConfig) -> str | None:
    """The dtype in which the layer computes and hands on its output; `None` where not known.

    >>> layer = LayerConfig({"class_name": "Dense", "config": {"dtype": "mixed_float16"}})
    >>> layer.variable_dtype, compute_dtype(layer)
    ('float32', 'float16')
    """
    name = policy_name(layer)
    if name is None:
        return None
    return name.rpartition("_from_")[2].removeprefix("mixed_")
