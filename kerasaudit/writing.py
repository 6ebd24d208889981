"""Writing a file whole, or leaving it as it was; inside the folder that it is meant for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from kerasaudit.errors import TargetError

__all__ = ["inside", "write_whole"]


def write_whole(path: str | Path, pieces: Iterable[bytes]) -> None:
    """Write beside and rename, so that a failure leaves what was there.

    A link stays a link, and a file that is replaced keeps its permissions.

    Raises:
        TargetError: the file cannot be written.

    >>> write_whole("no/such/folder/a.md", [b"text"])
    Traceback (most recent call last):
    kerasaudit.errors.TargetError: no/such/folder/a.md: cannot be written: No such file or directory
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name[:100]}.{os.getpid()}.tmp")
    try:
        try:
            with beside.open("xb") as stream:
                for piece in pieces:
                    stream.write(piece)
            if target.exists():
                shutil.copymode(target, beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror or error}") from error


def inside(folder: Path, name: str) -> Path:
    """The path of that name in the folder, its parent made.

    Raises:
        TargetError: the parent cannot be made, or a link leads out of the folder.
    """
    path = folder / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        root = folder.resolve()
    except OSError as error:
        raise TargetError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    if not path.resolve().is_relative_to(root):
        raise TargetError(f"{path}: leads out of {folder}")
    return path
