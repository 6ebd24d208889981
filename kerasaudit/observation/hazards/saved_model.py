"""KA305: a TFSMLayer, which loads a TensorFlow SavedModel from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node, quoted

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA305",
    "a layer that loads a SavedModel",
    "A TFSMLayer holds the path of a TensorFlow SavedModel, and loads it when it is made.",
    "A SavedModel is a graph of any operations, those that read and write files among them, and "
    "the path may lead to another machine (CVE-2026-1462, GHSA-4f3f-g24h-fr8m).",
    "a TFSMLayer loads the SavedModel at 'gs://bucket/model'.",
    "Do not load the file, unless you know what is at that path.",
)
KINDS = (KIND,)


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """The layer, with the path that it would follow."""
    if class_of(node) == "TFSMLayer":
        inner = node.value.get("config")
        path = inner.get("filepath") if isinstance(inner, dict) else None
        yield in_node(KIND, node, f"a TFSMLayer loads the SavedModel at {quoted(path)}")
