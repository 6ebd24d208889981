"""KA315, KA316, KA317: members of an archive that escape, are there twice, or are strange."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards.hazard import in_file, quoted

__all__ = ["KINDS", "found"]

ESCAPES = Kind(
    "KA315",
    "a member's name leads out of the archive",
    "A member is named with an absolute path, a drive, `..` or a backslash, or is a symbolic link.",
    "Whoever unpacks the archive writes where the name says; Keras's own check looked at the wrong "
    "folder until 3.14 (GHSA-hqp4-2352-xf5r).",
    "'../../.bashrc' leads out of the archive.",
    "Do not load or unpack the file.",
)
TWICE = Kind(
    "KA316",
    "a member is there twice",
    "Two members have one name, or names that a file system may take for one: other capitals, "
    "another spelling of the same letters, './' in between.",
    "One reader takes the first and another the last: what is audited is not what is loaded.",
    "'config.json' is there twice.",
    "Do not load the file.",
)
STRANGE = Kind(
    "KA317",
    "a member that no model has",
    "A model's archive holds metadata.json, config.json, model.weights.h5 or model.weights.npz, "
    "and assets/. This one holds something else, or weights in both forms.",
    "Keras unpacks every member of an archive with assets. Of two weights files it loads one, and "
    "which one must be known.",
    "'run.py' is no part of a model.",
    "Ask what it is for. If nobody can tell, do not load the file.",
)
KINDS = (ESCAPES, TWICE, STRANGE)

_WEIGHTS = ("model.weights.h5", "model.weights.npz")
_PARTS = ("metadata.json", "config.json", *_WEIGHTS, "assets/")
_DRIVE = re.compile(r"[A-Za-z]:")


def found(contents: Contents) -> Iterator[Finding]:
    """What is wrong with each name, and with all of them together."""
    for member in contents.members:
        if member.link:
            yield in_file(ESCAPES, f"{quoted(member.name)} is a symbolic link")
        if _escapes(member.name):
            yield in_file(ESCAPES, f"{quoted(member.name)} leads out of the archive")
    yield from _twice(contents)
    if contents.form == "keras":
        yield from _strange(contents)


def _escapes(name: str) -> bool:
    return (
        name.startswith("/")
        or "\\" in name
        or _DRIVE.match(name) is not None
        or ".." in name.split("/")
    )


def _twice(contents: Contents) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for member in contents.members:
        key = _as_file_systems_take_it(member.name)
        if key not in seen:
            seen[key] = member.name
        elif seen[key] == member.name:
            yield in_file(TWICE, f"{quoted(member.name)} is there twice")
        else:
            yield in_file(
                TWICE, f"{quoted(member.name)} and {quoted(seen[key])} may be taken for one"
            )


def _as_file_systems_take_it(name: str) -> str:
    parts = [p for p in name.replace("\\", "/").split("/") if p not in {"", "."}]
    folded = unicodedata.normalize("NFKC", "/".join(parts)).casefold()
    return "/".join(part.rstrip(" .") or part for part in folded.split("/"))


def _strange(contents: Contents) -> Iterator[Finding]:
    for member in contents.members:
        if member.name not in _PARTS and not member.name.startswith("assets/"):
            yield in_file(STRANGE, f"{quoted(member.name)} is no part of a model")
    if {member.name for member in contents.members}.issuperset(_WEIGHTS):
        yield in_file(STRANGE, f"it has weights twice: {' and '.join(map(quoted, _WEIGHTS))}")
