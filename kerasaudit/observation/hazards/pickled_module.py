"""KA306: a TorchModuleWrapper, or another pickle in the config."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node, quoted, texts

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA306",
    "a pickle in the config",
    "A TorchModuleWrapper holds a PyTorch module as a pickle. A text in the config may hold one as "
    "well, as it is or in Base64.",
    "To unpickle is to run what the pickle says (CVE-2025-49655, fixed in Keras 3.11.3).",
    "'torch' is a TorchModuleWrapper: it holds a pickle.",
    "Do not load the file. Rebuild the module from its code, and load its weights alone.",
)
KINDS = (KIND,)

# How pickles of protocol 2 to 5 begin, and the zip that `torch.save` writes.
_BASE64 = ("gAI", "gAJ", "gAN", "gAO", "gASV", "gAWV", "UEsDB")
_RAW = ("\x80\x02", "\x80\x03", "\x80\x04\x95", "\x80\x05\x95", "PK\x03\x04")
_SHORTEST = 24
_IS_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """The layer, or else a text that begins as a pickle does."""
    if class_of(node) == "TorchModuleWrapper":
        inner = node.value.get("config")
        name = inner.get("name", "") if isinstance(inner, dict) else ""
        yield in_node(KIND, node, f"{quoted(name)} is a TorchModuleWrapper: it holds a pickle")
        return
    for key, text in texts(node):
        if _is_pickle(text) and not _is_of_torch(node):
            yield in_node(KIND, node, f"the text under {quoted(key)} begins as a pickle does")
            return


def _is_of_torch(node: Node) -> bool:
    return any(class_of(around) == "TorchModuleWrapper" for around in node.around)


def _is_pickle(text: str) -> bool:
    if text.startswith(_RAW):
        return True
    return (
        text.startswith(_BASE64)
        and len(text) >= _SHORTEST
        and _IS_BASE64.fullmatch(text[:1000].rstrip("=")) is not None
    )
