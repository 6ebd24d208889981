"""Which file holds whose lock: a function of the model's target alone.

The name is readable, and one file however a file system writes names: on one that ignores case, on
Windows, and wherever the locks are checked out. A target whose name would not be gets a digest of
it into the name: nothing else about the models matters, so that no lock is ever renamed by another.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from fnmatch import fnmatchcase
from pathlib import Path

from kerasaudit.location import is_path

__all__ = ["SUFFIX", "is_under", "lock_file", "named_target", "recorded_target"]

SUFFIX = ".json"

_WORD = r"[a-z0-9_]+"
_SEGMENT = r"[a-z0-9_+-](?:[a-z0-9_.+-]*[a-z0-9_+-])?"
_FOLDERS = rf"(?:{_SEGMENT}/)*"
# Targets that are their own names, each form apart from the others by its last two segments.
_PLAIN = (
    re.compile(rf"(?P<file>{_FOLDERS}{_SEGMENT}\.py)::(?P<name>{_WORD})"),  # a builder in a file
    re.compile(rf"(?P<file>zoo):(?P<name>{_WORD})"),
    re.compile(rf"(?P<file>{_SEGMENT}(?<!\.py)(?<!^zoo)):(?P<name>{_WORD})"),  # an imported one
    re.compile(rf"{_FOLDERS}{_SEGMENT}\.{_WORD}"),  # a model file
)
_DIGEST = re.compile(r"-[0-9a-f]{8}(\.|$)")
_LONGEST = 80
# Windows takes these for devices, whatever stands after a point.
_DEVICES = frozenset(
    (
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{one}{number}" for one in ("com", "lpt") for number in range(10)),
    )
)


def recorded_target(target: str, folder: Path) -> str:
    """A target as the locks in a folder have it: the same wherever it is named from.

    A path is relative to where that folder is, or to the working directory where it lies elsewhere;
    of one that lies in neither the last part is left.

    >>> recorded_target("models/../models/net.py::net", Path("audits"))
    'models/net.py::net'
    >>> recorded_target("zoo:lenet5", Path("audits"))
    'zoo:lenet5'
    """
    found = named_target(target, folder)
    if found is not None:
        return found
    file, separator, name = target.partition("::")
    return f"{Path(file).name}{separator}{name}"


def named_target(target: str, folder: Path) -> str | None:
    """A target as `recorded_target` gives it; `None` where its place is part of what it names.

    Of a path that lies elsewhere the last part says nothing of what else is in that place.

    >>> named_target("models/", Path("audits")), named_target("/elsewhere/models", Path("audits"))
    ('models', None)
    """
    if not is_path(target):
        return target
    file, separator, name = target.partition("::")
    path = Path(os.path.abspath(file))  # noqa: PTH100 - without following links
    for root in (Path(os.path.abspath(folder)).parent, Path.cwd()):  # noqa: PTH100 - the same
        if path.is_relative_to(root):
            return f"{path.relative_to(root).as_posix()}{separator}{name}"
    return None


def lock_file(recorded: str) -> str:
    """The path of a target's lock in the folder of the locks.

    Args:
        recorded: the target, as `recorded_target` gives it.

    >>> lock_file("models/lenet5.py::lenet5"), lock_file("zoo:vgg16"), lock_file("runs/a.keras")
    ('models/lenet5.py/lenet5.json', 'zoo/vgg16.json', 'runs/a.keras.json')
    >>> lock_file("models/lenet5.py::LeNet5")
    'models/lenet5.py/LeNet5-34b82d19.json'
    """
    for form in _PLAIN:
        found = form.fullmatch(recorded)
        if found:
            parts = found.groupdict()
            path = f"{parts['file']}/{parts['name']}" if parts else recorded
            if all(map(_is_safe, path.split("/"))):
                return path + SUFFIX
            break
    return _digested(recorded)


def _is_safe(segment: str) -> bool:
    """Whether a name is one on every system, and none that a digest could make."""
    device = segment.partition(".")[0] in _DEVICES
    return not device and len(segment) <= _LONGEST and not _DIGEST.search(segment)


def _digested(recorded: str) -> str:
    """A name that is told from all others by a digest, with as much of the target as is safe."""
    digest = hashlib.sha256(recorded.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    segments = [_sane(one) for one in re.split(r"[/\\]|::?", recorded) if one.strip(".")]
    *folders, last = segments[-4:] or ["model"]
    return "/".join([*folders, f"{last}-{digest}{SUFFIX}"])


def _sane(segment: str) -> str:
    """A name on every system, as near as there is one."""
    plain = re.sub(r"[^\w+.-]+", "_", segment, flags=re.ASCII)[:_LONGEST].strip(".") or "_"
    device = plain.partition(".")[0].casefold() in _DEVICES
    return f"_{plain}" if device else plain


def is_under(recorded: str, named: str) -> bool:
    """Whether a target is one of those that another one names: a folder, a file, a glob, `zoo:`.

    Both as `recorded_target` gives them.

    >>> is_under("models/a.py::a", "models"), is_under("models/a.py::a", "models/*.py")
    (True, True)
    >>> is_under("models/a.py::a", "models/a.py::b"), is_under("zoo:vgg16", "zoo:")
    (False, True)
    """
    if recorded == named:
        return True
    if named == "zoo:":
        return recorded.startswith(named)
    if not is_path(recorded) or not is_path(named):
        return False
    file = recorded.partition("::")[0]
    if named in (".", file) or file.startswith(f"{named}/"):
        return True
    return glob.has_magic(named) and _matches(file.split("/"), named.split("/"))


def _matches(path: list[str], pattern: list[str]) -> bool:
    """Whether a glob matches a path or a folder that it is in; "**" is any number of folders."""
    reached = {0}  # so many segments of the pattern may be matched by those of the path so far
    for segment in path:
        after = set()
        for place in _over_stars(reached, pattern):
            if place == len(pattern):
                return True  # what lies in a folder that matches
            if pattern[place] == "**":
                after.add(place)
            elif fnmatchcase(segment, pattern[place]):
                after.add(place + 1)
        reached = after
    return len(pattern) in _over_stars(reached, pattern)


def _over_stars(places: set[int], pattern: list[str]) -> set[int]:
    found = set(places)
    for place in sorted(places):
        at = place
        while at < len(pattern) and pattern[at] == "**":
            at += 1
            found.add(at)
    return found
