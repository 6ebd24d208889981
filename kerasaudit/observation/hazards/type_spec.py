"""KA320: a type specification of TensorFlow, which names a module and a class."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node, quoted

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA320",
    "a type specification",
    "The config holds a `__typespec__`: a TensorFlow type by its module and name, which Keras "
    "looks up when it loads the file.",
    "It is another way for a file to name a module (see KA302), and models of Keras 3 hardly need "
    "it.",
    "a type specification names 'TensorSpec' of module 'tensorflow.python.framework.tensor'.",
    "Look at the module that is named. If it is not TensorFlow's, do not load the file.",
)
KINDS = (KIND,)


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """What it names."""
    if class_of(node) == "__typespec__":
        name, module = node.value.get("spec_name"), node.value.get("module")
        yield in_node(
            KIND, node, f"a type specification names {quoted(name)} of module {quoted(module)}"
        )
