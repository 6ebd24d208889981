"""A model's config as JSON, read within bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kerasaudit.config import Limits
from kerasaudit.errors import LimitError, MalformedError
from kerasaudit.observation.source import Budget

__all__ = ["looks_like_config", "parse", "refuse_large"]


def parse(data: bytes, what: str, budget: Budget) -> Any:
    """The value that a JSON text stands for.

    Args:
        data: the text, of at most `config_bytes` bytes and one: whoever reads it reads no more.
        what: how an error calls it.
        budget: whose limits hold.

    Raises:
        LimitError: it is too large, too deeply nested, or holds too many values.
        MalformedError: it is not JSON.
    """
    refuse_large(data, what, "a config", budget.limits)
    try:
        # As Keras writes it. `loads` would guess at other encodings, and other readers would not.
        value = json.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise _too_deep(what, budget) from None
    except ValueError as error:  # a bad encoding and a number of 5,000 digits are ones as well
        raise MalformedError(f"{what}: expected a model's config as JSON, but {error}") from error
    _check_structure(value, what, budget)
    budget.check_time()
    return value


def refuse_large(data: bytes, what: str, noun: str, limits: Limits) -> None:
    """Raise `LimitError` for JSON of more bytes or values than the limits, before it is read.

    >>> from kerasaudit.config import checked_limits
    >>> refuse_large(b"[1,2]", "a.json", "a config", checked_limits({"config_nodes": 2}))
    Traceback (most recent call last):
    kerasaudit.errors.LimitError: a.json: expected a config of at most 2 values (config_nodes), \
received up to 3
    """
    if len(data) > limits.config_bytes:
        raise LimitError(
            f"{what}: expected {noun} of at most {limits.config_bytes:,} bytes (config_bytes), "
            "received more"
        )
    # Values cost far more memory than the text; each but the first follows one of these.
    values = 1 + data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > limits.config_nodes:
        raise LimitError(
            f"{what}: expected {noun} of at most {limits.config_nodes:,} values (config_nodes), "
            f"received up to {values:,}"
        )


def _check_structure(value: Any, what: str, budget: Budget) -> None:
    """Go through it level by level: no recursion, however deep it is."""
    level, layers = [value], 0
    for _ in range(budget.limits.config_depth + 1):
        items = [item for item in level if isinstance(item, (dict, list))]
        if not items:
            return
        lists = [item.get("layers") for item in items if isinstance(item, dict)]
        layers += sum(len(one) for one in lists if isinstance(one, list))
        if layers > budget.limits.layers:
            raise LimitError(
                f"{what}: expected at most {budget.limits.layers:,} layers (layers), "
                f"received at least {layers:,}"
            )
        level = [one for i in items for one in (i.values() if isinstance(i, dict) else i)]
    raise _too_deep(what, budget)


def _too_deep(what: str, budget: Budget) -> LimitError:
    return LimitError(
        f"{what}: expected a config nested at most {budget.limits.config_depth} levels deep "
        "(config_depth), received a deeper one"
    )


def looks_like_config(value: object) -> bool:
    """Whether a value has the form of a serialised Keras model whose config holds its graph."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("class_name"), str)
        and isinstance(value.get("config"), Mapping)
        and isinstance(value["config"].get("layers"), (list, tuple))
    )
