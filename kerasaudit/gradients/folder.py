"""The folder of a stored run: `run.json`, the parts of its data sets, the lock of its writer.

    run.json                          the sessions: what was recorded, of what
    kernels/part-0000-000000.parquet  the data sets; a part's name has its session and number
    steps/…  weights/…  elements/…
    .lock                             held by the process that records

Every file is written under a name that starts with "." and ends in ".tmp", so that no reader of
the folder takes it for data, then moved into its place. The part in `steps` is moved last: what it
belongs to is there then, and a part that has none there does not count.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.gradients.session import Session

__all__ = [
    "SCHEMA_VERSION",
    "Lock",
    "check",
    "create",
    "load",
    "part_path",
    "parts",
    "save",
    "written",
]

SCHEMA_VERSION = 1

_DATA_SETS = ("kernels", "steps", "weights", "elements")
_PART = re.compile(r"part-(\d{4,})-(\d{6,})\.parquet")
_STALE = re.compile(r"\.part-\d{4,}-\d{6,}\.parquet\.tmp")
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}


class Lock:
    """The right to write into a run: one process has it, and the system takes it back when it dies.

    Where the system has no `flock` (Windows, some network file systems) there is no lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        """Whether this lock is held."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            TargetError: someone else has it, or the folder cannot be written.
        """
        with _clear_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / ".lock").open("ab")
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                file.close()
                raise TargetError(
                    f"{self.folder}: another recorder is writing into this run; expected one at a "
                    "time: wait for it to end, or record into another folder"
                ) from error
        self._file = file

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._file is not None:
            self._file.close()
            self._file = None


def check(folder: Path) -> None:
    """Make sure that the folder is a run, or can become one; nothing is written.

    Raises:
        TargetError: it is a file, holds other things than a run, or is of a newer version.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise TargetError(f"{folder}: expected a folder to record into, found a file")
    with _clear_errors(folder):
        names = {entry.name for entry in folder.iterdir()}
    others = sorted(names - {".lock", ".run.json.tmp"})
    if "run.json" in names:
        load(folder)
    elif others:
        raise TargetError(
            f"{folder}: not a run of kerasaudit; expected an empty folder or one with a run.json, "
            f"found {others[0]!r}"
        )


def create(folder: Path) -> None:
    """Make the folder a run if it is none yet, and tidy it up; the caller holds its lock.

    Raises:
        TargetError: it cannot be written.
    """
    if not (folder / "run.json").exists():
        save(folder, [])
    _sweep(folder)


def load(folder: Path) -> list[Session]:
    """The sessions that `run.json` states.

    Raises:
        TargetError: there is none, it cannot be read, or it is of a newer version.
    """
    path = folder / "run.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TargetError(
            f"{folder}: not a run of kerasaudit; expected a folder with a run.json, found "
            + ("none in it" if folder.is_dir() else "no such folder")
        ) from error
    except NotADirectoryError as error:
        raise TargetError(f"{folder}: not a run of kerasaudit; expected a folder") from error
    except (OSError, ValueError) as error:
        raise TargetError(f"{path}: cannot be read: {error}") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise TargetError(
            f"{path}: schema_version {version} is of a newer kerasaudit; expected at most "
            f"{SCHEMA_VERSION}"
        )
    if version != SCHEMA_VERSION:
        raise TargetError(f"{path}: expected schema_version {SCHEMA_VERSION}, found {version!r}")
    try:
        return [Session.from_json(row) for row in document["sessions"]]
    except (KeyError, TypeError, ValueError) as error:
        raise TargetError(f"{path}: its sessions cannot be read: {error!r}") from error


def save(folder: Path, sessions: Sequence[Session]) -> None:
    """Write `run.json`.

    Raises:
        ConfigError: what a session says of itself is not JSON.
        TargetError: it cannot be written.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "sessions": [session.to_json() for session in sessions],
    }
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"about= of a session: expected what JSON can say: {error}") from error
    with written(folder, "run.json") as file:
        file.write(text.encode())


def part_path(table: str, session: int, number: int) -> str:
    """The place of a part in the folder.

    >>> part_path("steps", 0, 12)
    'steps/part-0000-000012.parquet'
    """
    return f"{table}/part-{session:04d}-{number:06d}.parquet"


def parts(folder: Path) -> Iterator[tuple[int, int]]:
    """Session and number of every part that is whole, in order."""
    names = [entry.name for entry in (folder / "steps").glob("part-*")]
    found = [match for name in names if (match := _PART.fullmatch(name))]
    yield from sorted((int(match[1]), int(match[2])) for match in found)


@contextmanager
def written(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """A file of the folder to write to: it appears under its name when it is whole and on disk.

    Raises:
        TargetError: it cannot be written. Nothing is left behind then.
    """
    path = folder / name
    temporary = path.with_name(f".{path.name}.tmp")
    with _clear_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk: without it, a power cut can lose a file that was moved."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left half-written; the caller holds the lock."""
    stale = [folder / ".run.json.tmp"]
    for table in _DATA_SETS:
        stale += [p for p in (folder / table).glob(".part-*") if _STALE.fullmatch(p.name)]
    for path in stale:
        with _clear_errors(path):
            path.unlink(missing_ok=True)
