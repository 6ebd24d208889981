"""KA302: a class that is none of those that Keras makes models of."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node, quoted
from kerasaudit.observation.hazards.known import (
    ADD_ONS,
    known_class,
    known_name,
    known_registration,
)

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA302",
    "a class from outside Keras's modelling API",
    "The config names a class that is none of the layers, losses, metrics, optimizers, "
    "initializers and so on of Keras or tf-keras. Module and name are compared part by part, and "
    "whole.",
    "Who loads the model imports that module and makes an object of that class, with arguments "
    "from the file. Old versions of Keras imported any module (CVE-2025-1550, fixed in 3.9), and "
    "tf-keras still does. A custom class is no attack, but its code is not in the file, and what "
    "it does cannot be seen there.",
    "'x' is of class 'system' of module 'os', which is outside Keras.",
    "Read the code of a custom class before loading. If you know none that the message names, do "
    "not load the file.",
)
KINDS = (KIND,)

# What a TFOpLambda calls is found by its name below `tf`; these compute, others read and write.
_OPS = ("TFOpLambda", "SlicingOpLambda")
_COMPUTING = frozenset(
    (
        *("__operators__", "bitwise", "dtypes", "experimental.numpy", "image", "keras.activations"),
        *("keras.backend", "linalg", "math", "math.special", "nn", "ragged", "random", "signal"),
        *("sparse", "strings"),
    )
)
_OUTSIDE = frozenset(
    ("load_library", "load_op_library", "numpy_function", "print", "py_func", "py_function")
)


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """An object whose class is not known; an operation of TensorFlow that does not compute."""
    name = class_of(node)
    if name is None or "config" not in node.value or name == "function" or _is_data(name):
        return
    if _has_a_rule(node, name, contents):
        return
    if not _is_known(node, name):
        yield in_node(KIND, node, f"{_called(node)} is of class {quoted(name)}{_of(node, name)}")
    elif name in _OPS:
        inner = node.value["config"]
        function = inner.get("function") if isinstance(inner, dict) else None
        if not _computes(function):
            yield in_node(
                KIND,
                node,
                f"{_called(node)} calls {quoted(function)} of TensorFlow, which does more than "
                "compute",
            )


def _is_data(name: str) -> bool:
    """Whether it stands for a value: "__tensor__", "__slice__"."""
    return name in {
        *("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"),
        *("__lambda__", "__typespec__"),
    }


def _has_a_rule(node: Node, name: str, contents: Contents) -> bool:
    """Whether whoever audits has written a rule for the class, and so knows it."""
    module, registered = node.value.get("module"), node.value.get("registered_name")
    names = {f"{module if isinstance(module, str) else '__main__'}.{name}"}
    if isinstance(registered, str) and ">" in registered:
        names.add(registered)
    return not names.isdisjoint(contents.with_rules)


def _is_known(node: Node, name: str) -> bool:
    module, registered = node.value.get("module"), node.value.get("registered_name")
    if not known_registration(module, name, registered):
        return False
    if isinstance(module, str):
        return known_class(module, name)
    return "module" not in node.value and known_name(name)


def _called(node: Node) -> str:
    inner = node.value.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return quoted(name) if isinstance(name, str) else "an object"


def _of(node: Node, name: str) -> str:
    """What kind of class it is."""
    module, registered = node.value.get("module"), node.value.get("registered_name")
    if isinstance(registered, str) and ">" in registered:
        return f", a custom class registered as {quoted(registered)}: its code is not in the file"
    if not isinstance(module, str):
        return ", a custom class without a module: its code is not in the file"
    package = module.partition(".")[0]
    if package in ADD_ONS:
        return f" of module {quoted(module)}: Keras imports {package} when it loads the file"
    if package in {"keras", "tf_keras"}:
        return f" of module {quoted(module)}, which is none that Keras makes models of"
    return f" of module {quoted(module)}, which is outside Keras"


def _computes(function: object) -> bool:
    if not isinstance(function, str):
        return False
    space, _, name = function.removeprefix("tf.").removeprefix("compat.v1.").rpartition(".")
    return space in _COMPUTING or (not space and name not in _OUTSIDE)
