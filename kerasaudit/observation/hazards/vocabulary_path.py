"""KA307: a vocabulary that is a path or a URL instead of words."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import in_node, quoted

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA307",
    "a vocabulary given as a path",
    "A look-up layer's vocabulary, or a table beside it, is a text in the config instead of a "
    "list: the name of a file that is read when the model is loaded.",
    "The file says which file of the machine is read into the model, or which address is asked "
    "for (CVE-2025-12058, fixed in Keras 3.12).",
    "the vocabulary is to be read from '/etc/passwd'.",
    "Do not load the file. Its author can save it with the words in it.",
)
KINDS = (KIND,)

_TABLES = ("vocabulary", "idf_weights", "merges")


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """A text where a list is expected, whatever layer it is in."""
    for key in _TABLES:
        value = node.value.get(key)
        if isinstance(value, str):
            yield in_node(KIND, node, f"the {key} is to be read from {quoted(value)}")
