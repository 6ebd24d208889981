"""KA318: names that lead elsewhere, or that show as something else than they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_file, in_node, quoted

__all__ = ["KINDS", "found", "found_in"]

KIND = Kind(
    "KA318",
    "a name with separators or control characters",
    "The name of a layer, a group, an array or a member has `..`, a backslash, or characters that "
    "do not show or turn the text around; or that of a layer of Keras 3 has a `/`, which Keras 3 "
    "refuses.",
    "Names become paths when assets are written, and lead out of the folder (CVE-2026-12479). "
    "Control characters make a terminal, and whoever reads it, see something else.",
    "'../../etc/cron.d/x' has '..' in it.",
    "Do not load the file: Keras makes no such names.",
)
KINDS = (KIND,)

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Keras 3 takes a "/" in the names of these, and writes no files under them.
_SLASHED = frozenset({"losses", "metrics", "optimizers"})


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """The name of an object, in its config or beside it."""
    if class_of(node) is None:
        return
    inner = node.value.get("config")
    names = [node.value.get("name"), inner.get("name") if isinstance(inner, dict) else None]
    for name in dict.fromkeys(name for name in names if isinstance(name, str)):
        fault = _fault(name)
        if fault is None and "/" in name and _refuses_slashes(node, contents):
            fault = "a '/'"
        if fault is not None:
            yield in_node(KIND, node, f"the name {quoted(name)} has {fault} in it")


def _refuses_slashes(node: Node, contents: Contents) -> bool:
    """Whether Keras 3 made it, and as something whose name it holds to that.

    The version is what the file says. One that says tf-keras's to have a "/" taken has it refused
    by Keras 3 all the same.
    """
    root = contents.config if isinstance(contents.config, dict) else {}
    version = contents.metadata.get("keras_version") or root.get("keras_version")
    module = node.value.get("module")
    if not isinstance(module, str) or (isinstance(version, str) and version.startswith("2.")):
        return False
    return _SLASHED.isdisjoint(module.split("."))


def found(contents: Contents) -> Iterator[Finding]:
    """The names in the weights file and in the archive."""
    for member in contents.members:
        fault = _hidden(member.name)  # what leads out of the archive is KA315
        if fault is not None:
            yield in_file(KIND, f"the member {quoted(member.name)} has {fault} in its name")
    if contents.tree is None:
        return
    links = (link.path for link in contents.tree.links)
    for path in (*contents.tree.groups, *contents.tree.datasets, *links):
        fault = _fault(path)
        if fault is not None:
            yield in_file(KIND, f"{quoted(path)} in the weights file has {fault} in its name")


def _fault(name: str) -> str | None:
    if "\\" in name:
        return "a backslash"
    if ".." in name.split("/"):
        return "'..'"
    return _hidden(name)


def _hidden(name: str) -> str | None:
    if name.isascii() and name.isprintable():
        return None
    hidden = next((c for c in name if unicodedata.category(c) in _HIDDEN), None)
    return None if hidden is None else f"the character U+{ord(hidden):04X}"
