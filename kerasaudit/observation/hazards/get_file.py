"""KA308: `get_file`, which downloads and unpacks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import in_node, quoted, texts

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA308",
    "a reference to get_file",
    "The config names `get_file`, Keras's function that downloads a file and unpacks it.",
    "No model needs it. With arguments from the file it fetches anything and writes it anywhere "
    "(CVE-2025-8747, CVE-2025-12060, CVE-2024-55459).",
    "'keras.utils.get_file' stands under 'config'.",
    "Do not load the file.",
)
KINDS = (KIND,)

_GET_FILE = re.compile(r"(.*[.>:/])?get_file")


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """Its name in any text but the names that users give."""
    for key, text in texts(node):
        if key != "name" and text.endswith("get_file") and _GET_FILE.fullmatch(text):
            yield in_node(KIND, node, f"{quoted(text)} stands under {quoted(key)}")
            return
