"""KA304: a function that is none of those that models compute with."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node, quoted
from kerasaudit.observation.hazards.known import known_function, no_part_of_models

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA304",
    "a function from outside what models compute with",
    "The config names a function that is no activation, initializer, loss, metric, operation, "
    "regularizer or constraint of Keras, or one that Keras refuses to take from a file.",
    "Functions of Keras's own that read and write files, load models or switch the safe mode off "
    "serve as gadgets: the file says which one is called, and with what (CVE-2025-8747, "
    "CVE-2025-9906). A custom function's code is not in the file.",
    "the function 'get_file' of module 'keras.utils' is none that models compute with.",
    "Do not load the file, unless you know the custom function and have read its code.",
)
KINDS = (KIND,)

_OF_TEXT = ("standardize", "split")


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """A function, a class that is named as one that Keras refuses, a step of TextVectorization."""
    name, module = class_of(node), node.value.get("module")
    if name == "function":
        function = node.value.get("config")
        if not (
            isinstance(module, str)
            and isinstance(function, str)
            and known_function(module, function)
            and node.value.get("registered_name") in {None, function, name}
        ):
            yield in_node(KIND, node, f"the function {quoted(function)}{_of(module)}")
    elif name is not None and isinstance(module, str) and no_part_of_models(module, name):
        yield in_node(KIND, node, f"Keras itself refuses to take {quoted(f'{module}.{name}')}")
    elif name == "TextVectorization":
        inner = node.value.get("config")
        for key in _OF_TEXT:
            if isinstance(inner, dict) and isinstance(inner.get(key), dict):
                yield in_node(KIND, node, f"its {key} is a function of its own")


def _of(module: object) -> str:
    if not isinstance(module, str) or module == "builtins":  # as Keras writes every function
        return " is a custom one: its code is not in the file"
    return f" of module {quoted(module)} is none that models compute with"
