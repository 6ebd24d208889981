"""KA303: an object without a module, in a file of Keras 3, which writes one for each."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node, quoted

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA303",
    "an object without a module in a file of Keras 3",
    "A file of format v3 names each object's class together with its module. One without is not "
    "written by Keras, and is read by the loader for old formats.",
    "That loader knows no safe mode: up to Keras 3.14, leaving `module` out was a way around it "
    "(CVE-2026-12481).",
    "'dense' (Dense) has no module.",
    "Do not load the file: it was edited by hand or by a program.",
)
KINDS = (KIND,)


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """A missing module; where it is null, the class is a custom one (KA302)."""
    name = class_of(node)
    if name is None or "config" not in node.value or "module" in node.value:
        return
    if (name.startswith("__") and name.endswith("__")) or not _is_of_keras_3(contents):
        return
    inner = node.value["config"]
    called = inner.get("name", "") if isinstance(inner, dict) else inner
    yield in_node(KIND, node, f"{quoted(called)} ({one_class(name)}) has no module")


def one_class(name: str) -> str:
    """A class's name as it is shown."""
    return quoted(name)[1:-1]


def _is_of_keras_3(contents: Contents) -> bool:
    """Legacy files have no modules, and JSON has them if Keras 3 wrote it: at its root as well."""
    root = contents.config
    return contents.form == "keras" or (
        contents.form == "json" and isinstance(root, dict) and "module" in root
    )
