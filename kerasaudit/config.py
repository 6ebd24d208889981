"""Limits on what is read from files that others wrote. Each has one place, here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read before it is refused. Any of them can be raised or lowered.

    `config_bytes`: the size of a config JSON; the largest of Keras's own is 1 MB.
    `config_nodes`, `config_depth`: how many values it may hold, and how deeply nested.
    `members`: files in an archive. `ratio`: how many times its stored size a member may claim to
    be, from 16 MiB on. `unpacked_bytes`: the most of a compressed member that is unpacked.
    `objects`, `depth`: groups, datasets and links of an HDF5 file, and how deeply nested.
    `attribute_bytes`: what its names and attributes take in memory, and any one structure in it.
    `read_bytes`: what is read of a file in all; of its weights nothing is. `seconds`: wall time
    for one file.
    """

    config_bytes: int = 32 * _MIB
    config_nodes: int = 2_000_000
    config_depth: int = 200
    members: int = 10_000
    ratio: int = 100
    unpacked_bytes: int = 64 * _MIB
    objects: int = 200_000
    depth: int = 64
    attribute_bytes: int = 32 * _MIB
    read_bytes: int = 128 * _MIB
    seconds: float = 60.0


DEFAULT_LIMITS = Limits()
