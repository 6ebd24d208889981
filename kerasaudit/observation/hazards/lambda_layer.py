"""KA301: a Lambda layer, or a lambda in another place: code that is in the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node, quoted

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA301",
    "a Lambda layer, or a lambda",
    "The config has a Lambda layer, or a function stored as Python bytecode, somewhere: in a "
    "nested model, a wrapper, a loss, a metric.",
    "Python bytecode in a file runs as soon as the model is loaded and called, with all that the "
    "user may do (CVE-2024-3660, CVE-2025-9905, CVE-2026-12481). A Lambda that only names a "
    "function calls any that Keras finds, with arguments from the file (CVE-2025-8747, "
    "CVE-2025-9906).",
    "'scale' is a Lambda layer: it holds Python bytecode.",
    "Do not load the file. Ask its author for one in which the function is a layer of Keras, or a "
    "class of a package that you can read.",
)
KINDS = (KIND,)

_TYPES = ("function_type", "output_shape_type", "mask_type")


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """A Lambda layer; a lambda that is in none; a legacy mark of one that is in none."""
    name = class_of(node)
    if name == "Lambda":
        inner = node.value.get("config")
        config = inner if isinstance(inner, dict) else {}
        yield in_node(
            KIND, node, f"{quoted(config.get('name', ''))} is a Lambda layer: it {_does(config)}"
        )
    elif name == "__lambda__":
        if not _is_of_lambda_layer(node):
            yield in_node(KIND, node, "a function is stored as Python bytecode")
    elif any(node.value.get(key) == "lambda" for key in _TYPES) and not _is_of_lambda_layer(node):
        yield in_node(KIND, node, "a function is stored as Python bytecode (function_type: lambda)")


def _is_of_lambda_layer(node: Node) -> bool:
    return any(class_of(around) == "Lambda" for around in node.around)


def _does(config: dict[str, Any]) -> str:
    function = config.get("function")
    if isinstance(function, dict) and function.get("class_name") != "__lambda__":
        return f"calls the function {quoted(function.get('config'))}"
    if isinstance(function, str) and config.get("function_type") != "lambda":
        return f"calls the function {quoted(function)}"
    return "holds Python bytecode"
