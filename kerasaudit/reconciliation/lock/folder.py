"""The locks together: which of them are nobody's, and how all of them are written anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from kerasaudit.errors import KerasAuditError, TargetError
from kerasaudit.location import Location
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.lock.content import Lock, lock_of
from kerasaudit.reconciliation.lock.drift import compare
from kerasaudit.reconciliation.lock.file import parse, read_lock, render
from kerasaudit.reconciliation.lock.naming import (
    SUFFIX,
    is_under,
    lock_file,
    named_target,
    recorded_target,
)
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.writing import inside, write_whole

__all__ = ["LockChange", "orphans", "update_locks"]

ORPHAN = "KA514"


@dataclass(frozen=True, slots=True)
class LockChange:
    """What became of a lock: "new", "changed", "unchanged" or "removed".

    `old` is what it held, `new` what it holds; `None` where there was none, or none is left. `old`
    is also `None` of a file that could not be read. `diff` is where the two part, `None` unless
    there are both.
    """

    kind: str
    file: str
    target: str
    old: Lock | None
    new: Lock | None
    diff: Diff | None = None


def orphans(
    results: Iterable[Audit | Failure], folder: Path, named: Sequence[object] | None = None
) -> list[Failure]:
    """The locks in a folder that no model has any more (KA514), and those that cannot be read.

    Args:
        results: what was audited. A model that could not be is no reason to miss it.
        folder: where the locks are; it need not exist.
        named: the targets by which the models were named, if they are not all that there are:
            locks of what is under none of them are not judged.

    >>> orphans([], Path("no-such-folder"))
    []
    """
    judged = [one for one in results if not isinstance(one, Failure) or one.code is None]
    known = {recorded_target(one.target, folder) for one in judged}
    unknown = {
        recorded_target(one.target, folder)
        for one in judged
        if isinstance(one, Failure) and not one.nothing
    }
    mine = {lock_file(target) for target in known}
    scope = None if named is None else _scope(named, folder)
    found: list[Failure] = []
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        if path.is_dir() or path.relative_to(folder).as_posix() in mine:
            continue
        try:
            lock = read_lock(path)
        except TargetError as error:
            found.append(Failure(path.as_posix(), str(error), error=error))
            continue
        in_scope = scope is None or any(is_under(lock.target, one) for one in scope)
        at_home = path.relative_to(folder).as_posix() == lock_file(lock.target)
        # Of a file that could not be audited nobody knows which models are in it.
        spared = at_home and any(is_under(lock.target, one) for one in unknown)
        if in_scope and not spared:
            found.append(_orphan(lock, path, known, folder))
    return found


def _scope(named: Sequence[object], folder: Path) -> list[str]:
    """The targets whose locks are judged, as locks have them."""
    texts = [str(target) for target in named if isinstance(target, (str, Path))]
    found = [named_target(text, folder) for text in texts]
    return [target for target in found if target is not None]


def _orphan(lock: Lock, path: Path, known: Set[str], folder: Path) -> Failure:
    place = path.as_posix()
    if lock.target in known:
        home = (folder / lock_file(lock.target)).as_posix()
        message = f"{place}: a lock of {lock.target!r} in another place than its own, {home}"
    else:
        message = f"{place}: a lock of {lock.target!r}, which is no model that was audited"
    return Failure(lock.target, message, code=ORPHAN, location=Location(place))


def update_locks(
    outcomes: Iterable[Audited | Failure], folder: Path, named: Sequence[object] | None = None
) -> list[LockChange | Failure]:
    """Write the locks of all models that were audited in full, and remove the orphans.

    A lock that says already what it should is left as it is. A model that was not audited in full
    is not locked: a failure says so, and a lock that it has stays.

    Args:
        outcomes: what was audited; of what could not be nothing is said.
        folder: where the locks are, or will be.
        named: as `orphans` takes it.

    >>> from tempfile import TemporaryDirectory
    >>> from kerasaudit.observation.target import one_subject
    >>> from kerasaudit.reconciliation.audit import examine
    >>> net = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 64]}},
    ... ]}}
    >>> with TemporaryDirectory() as folder:
    ...     made = [update_locks([examine(one_subject(net))], Path(folder)) for _ in range(2)]
    >>> [change.kind for changes in made for change in changes]
    ['new', 'unchanged']
    """
    listed = list(outcomes)
    audited = [one for one in listed if not isinstance(one, Failure)]
    changes = [
        one if isinstance(one, Failure) else _attempt(one, folder) for one in _once(audited, folder)
    ]
    # A lock in another place is the only one that there is until there is one in its own place.
    kept = {recorded_target(one.target, folder) for one in changes if isinstance(one, Failure)}
    results = [one if isinstance(one, Failure) else one.audit for one in listed]
    changes += (
        orphan if orphan.code is None else _removed(orphan, folder)
        for orphan in orphans(results, folder, named)
        if orphan.code is None or orphan.target not in kept
    )
    return changes


def _once(models: Iterable[Audited], folder: Path) -> Iterator[Audited | Failure]:
    """Each model once; of two that would have one lock, the second is a failure."""
    held: dict[str, Audited] = {}
    for outcome in models:
        target = outcome.audit.target
        recorded = recorded_target(target, folder)
        other = held.get(recorded)
        if other is None:
            held[recorded] = outcome
            yield outcome
        elif lock_of(other, recorded) != lock_of(outcome, recorded):
            message = (
                f"{target}: its lock, {folder.as_posix()}/{lock_file(recorded)}, is that of "
                f"{other.audit.target} as well; run it from a folder above both"
            )
            yield Failure(target, message)


def _attempt(audited: Audited, folder: Path) -> LockChange | Failure:
    target = audited.audit.target
    if audited.audit.status == "incomplete":
        reason = next(one for one in audited.audit.findings if one.incomplete)
        message = f"{target}: not locked, it is not audited in full: {reason.code} {reason.message}"
        return Failure(target, message)
    try:
        return _write(audited, folder)
    except KerasAuditError as error:
        return Failure(target, str(error), error=error)


def _write(audited: Audited, folder: Path) -> LockChange:
    recorded = recorded_target(audited.audit.target, folder)
    name = lock_file(recorded)
    path = inside(folder, name)
    place = path.as_posix()
    _refuse_links(path, folder)
    new = lock_of(audited, recorded)
    data = render(new).encode()
    if parse(data, place) != new:
        raise TargetError(f"{place}: not written, the lock does not hold all of {recorded!r}")
    if not path.exists():
        write_whole(path, [data])
        return LockChange("new", place, recorded, None, new)
    if not path.is_file():  # a folder, or a pipe that would be waited for
        raise TargetError(f"{place}: expected a file, received something else")
    held, old = _held(path)
    if held == data:
        return LockChange("unchanged", place, recorded, new, new)
    write_whole(path, [data])
    diff = None if old is None else compare(old, audited, place)
    return LockChange("changed", place, recorded, old, new, diff)


def _refuse_links(path: Path, folder: Path) -> None:
    """Links inside the folder: what they lead to is there a second time, as somebody else's lock.

    Raises:
        TargetError: the lock, or a folder that it is in, is a link.
    """
    for step in (path, *path.parents):
        if step == folder:
            break
        if step.is_symlink():
            raise TargetError(f"{step.as_posix()}: expected no link inside {folder.as_posix()}")


def _held(path: Path) -> tuple[bytes | None, Lock | None]:
    """What a file holds, and the lock that this is; `None` where it cannot be read.

    That is no reason not to write it anew.
    """
    try:
        return path.read_bytes(), read_lock(path)
    except (OSError, TargetError):
        return None, None


def _removed(orphan: Failure, folder: Path) -> LockChange | Failure:
    """Remove an orphan, and the folders that are empty without it."""
    assert orphan.location is not None
    path = Path(orphan.location.file)
    old = read_lock(path)
    try:
        path.unlink()
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
    except OSError as error:
        message = f"{path.as_posix()}: cannot be removed: {error.strerror or error}"
        return Failure(orphan.target, message, error=error)
    return LockChange("removed", path.as_posix(), orphan.target, old, None)
