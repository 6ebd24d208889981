"""Patterns of names: how a layer or a model is named by whoever asks something of it."""

from __future__ import annotations

from fnmatch import fnmatchcase

__all__ = ["fits"]


def fits(name: str, pattern: str) -> bool:
    """Whether a name is the pattern itself, brackets and all, or one that its wildcards stand for.

    >>> fits("conv2d_1", "conv*"), fits("a[0]", "a[0]"), fits("Conv", "conv")
    (True, True, False)
    """
    return name == pattern or fnmatchcase(name, pattern)
