"""Limits on what is read from files that others wrote. Each has one place, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from kerasaudit.errors import TargetError

__all__ = ["DEFAULT_LIMITS", "Limits", "checked_limits"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read before it is refused. Any of them can be raised or lowered.

    `config_bytes`: the size of a config JSON; the largest of Keras's own is 1 MB.
    `config_nodes`, `config_depth`: how many values it may hold, and how deeply nested. `layers`:
    how many layers it may list, in all its models together.
    `members`: files in an archive. `ratio`: how many times its stored size a member may claim to
    be. `unpacked_bytes`: the most of a compressed member that is unpacked.
    `objects`, `depth`: groups, datasets and links of an HDF5 file, and how deeply nested.
    `attribute_bytes`: what its names and attributes take in memory, and any one structure in it.
    `read_bytes`: what is read of a file in all; of its weights nothing is. `seconds`: wall time
    for one file.
    """

    config_bytes: int = 32 * _MIB
    config_nodes: int = 1_000_000
    config_depth: int = 200
    layers: int = 40_000
    members: int = 10_000
    ratio: int = 100
    unpacked_bytes: int = 64 * _MIB
    objects: int = 200_000
    depth: int = 64
    attribute_bytes: int = 32 * _MIB
    read_bytes: int = 128 * _MIB
    seconds: float = 60.0


DEFAULT_LIMITS = Limits()


def checked_limits(given: Mapping[str, object], otherwise: Limits = DEFAULT_LIMITS) -> Limits:
    """The limits with some of them changed, each a positive number.

    Raises:
        TargetError: there is no such limit, or it is no such number.

    >>> checked_limits({"seconds": "5", "members": 100}).seconds
    5.0
    """
    kinds = {field.name: type(getattr(DEFAULT_LIMITS, field.name)) for field in fields(Limits)}
    values = {}
    for name, value in given.items():
        if name not in kinds:
            raise TargetError(f"limit: expected one of {', '.join(kinds)}, received {name!r}")
        try:
            values[name] = kinds[name](str(value).replace("_", ""))
        except ValueError:
            values[name] = 0
        if not 0 < values[name] < 2**63:
            raise TargetError(f"limit {name}: expected a positive number, received {value!r}")
    return replace(otherwise, **values)
