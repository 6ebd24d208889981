"""Where in a file something stands: what an annotation in a pull request points at.

And where nothing may depend on the place: targets without it, as reports and locks have them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Location", "is_path", "of_caller", "of_function", "of_target", "placeless"]


@dataclass(frozen=True, slots=True)
class Location:
    """A file and a line in it, counted from 1; `None` for the file as a whole."""

    file: str
    line: int | None = None


def of_function(function: Callable[..., Any]) -> Location | None:
    """Where a function begins; `None` for what is no Python function.

    >>> of_function(len) is None
    True
    """
    code = getattr(function, "__code__", None)
    return None if code is None else Location(code.co_filename, code.co_firstlineno)


def of_caller() -> Location:
    """Where the function that calls this one is itself called."""
    frame = sys._getframe(2)  # noqa: SLF001 - the one way to it that reads no source file
    return Location(frame.f_code.co_filename, frame.f_lineno)


def of_target(target: str) -> Location | None:
    """The file that a target names, before any `::`; `None` where it names none that is there.

    >>> of_target("zoo:lenet5") is None
    True
    """
    file = target.partition("::")[0]
    try:
        return Location(file) if os.path.isfile(file) else None  # noqa: PTH113 - any text is asked
    except ValueError:  # a NUL in it
        return None


def placeless(target: str) -> tuple[str, str]:
    """The path in a target, and the target with that path made short.

    A path inside the working directory is written relative to it, any other by its last part.

    >>> placeless(str(Path.cwd() / "models" / "net.py") + "::net")[1], placeless("zoo:lenet5")[1]
    ('models/net.py::net', 'zoo:lenet5')
    """
    file, separator, name = target.partition("::")
    path = Path(file)
    if not path.is_absolute():
        return file, target
    here = Path.cwd()
    short = path.relative_to(here).as_posix() if path.is_relative_to(here) else path.name
    return file, f"{short}{separator}{name}"


def is_path(target: str) -> bool:
    """Whether a target names a file or folder, and not a URL, a bundled or an imported model.

    >>> is_path("models/net.py::net"), is_path("zoo:lenet5"), is_path("package.module:build")
    (True, False, False)
    """
    file = target.partition("::")[0]
    return "://" not in file and not (":" in file and "/" not in file and os.sep not in file)
