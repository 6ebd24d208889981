"""KA309, KA310: entries of a weights file that stand for something elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards.hazard import in_file, quoted

__all__ = ["KINDS", "found"]

EXTERNAL = Kind(
    "KA309",
    "an HDF5 external link",
    "An entry of the weights file stands for an object in another file. It is not followed.",
    "HDF5 opens that file without being asked: another file of the machine is read as weights, and "
    "is passed on with the model when it is saved (CVE-2026-1669, GHSA-3m4q-jmj6-r34q).",
    "'layers/dense/vars/0' is an external link to '/etc/shadow:/x'.",
    "Do not load the file: Keras writes no links.",
)
SOFT = Kind(
    "KA310",
    "an HDF5 soft link",
    "An entry of the weights file stands for another path in it. It is not followed.",
    "One array then passes for several, or a way leads in a circle or to an external link; Keras "
    "refuses it from 3.15 on.",
    "'layers/dense/vars/0' is a soft link to '/secret'.",
    "Do not load the file: Keras writes no links.",
)
KINDS = (EXTERNAL, SOFT)


def found(contents: Contents) -> Iterator[Finding]:
    """Every link, of whatever kind."""
    for link in contents.tree.links if contents.tree else ():
        kind, said = (SOFT, "a soft") if link.kind == "soft" else (EXTERNAL, "an external")
        yield in_file(kind, f"{quoted(link.path)} is {said} link to {quoted(link.target)}")
