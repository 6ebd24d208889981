"""Limits on what is read from files that others wrote. Each has one place, here."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read before it is refused.

    `config_bytes`: the size of a config JSON; the largest of Keras's own is 1 MB.
    """

    config_bytes: int = 32 * 1024 * 1024


DEFAULT_LIMITS = Limits()
