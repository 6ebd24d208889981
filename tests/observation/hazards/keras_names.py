"""What models are made of: the names under which Keras writes its classes and functions.

    python -m tests.observation.hazards.keras_names [FOLDER WITH TF-KERAS]

writes `kerasaudit/observation/hazards/keras_api.py` anew from the Keras that is installed. What is
said there of tf-keras stays, unless a folder is named in which it is installed.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import textwrap
from pathlib import Path

MODULE = Path("kerasaudit/observation/hazards/keras_api.py")

# The parts of Keras that a model is made of; under each, every public class and function counts.
AREAS = (
    *("activations", "constraints", "dtype_policies", "initializers", "layers", "losses"),
    *("metrics", "models", "ops", "optimizers", "quantizers", "random", "regularizers"),
)
FUNCTION_AREAS = (
    *("activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers"),
)
# Classes of these parts of the source are no hazard under the name of their own module.
SOURCES = (*AREAS, "applications", "trainers", "legacy", "utils.torch_utils", "export.tfsm_layer")
# It carries a node of a TensorFlow graph, which may be any operation.
LEFT_OUT = {"TensorFlowOpLayer"}
# They take part in reading and writing models; no model is made of them.
NO_PART = {"deserialize", "serialize", "get", "load_model", "save_model", "clone_model"}
NO_PART |= {"model_from_json", "deserialize_keras_object", "serialize_keras_object"}


def public_modules(package, areas):
    """The public modules of an installed Keras that are of these areas, by their names."""
    for area in areas:
        try:
            module = importlib.import_module(f"{package}.{area}")
        except ImportError:
            continue
        yield f"keras.{area}", module
        for inner in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{package}.{area}."):
            name = "keras." + inner.name.removeprefix(f"{package}.")
            yield name, importlib.import_module(inner.name)


def is_part(value):
    return inspect.isclass(value) and hasattr(value, "from_config")


def public_classes(package):
    root = importlib.import_module(package)
    found = {}
    for name, module in public_modules(package, AREAS):
        classes = {key for key, value in vars(module).items() if is_part(value)}
        if classes:
            found[name] = classes - LEFT_OUT
    of_areas = {value for _, module in public_modules(package, AREAS) for value in parts(module)}
    found["keras"] = {
        key for key, value in vars(root).items() if key[0] != "_" and value in of_areas
    }
    return found


def parts(module):
    return [value for value in vars(module).values() if is_part(value)]


def registered_classes():
    """The names that Keras registers its classes under, where it writes those: `keras.utils…`."""
    from keras.src.api_export import REGISTERED_OBJS_TO_NAMES

    found = {}
    for _, module in public_modules("keras", AREAS):
        for value in parts(module):
            path, _, name = REGISTERED_OBJS_TO_NAMES.get(value, "").rpartition(".")
            if path:
                found.setdefault(path, set()).add(name)
    return found


def merged(*several):
    found = {}
    for classes in several:
        for path, names in classes.items():
            found.setdefault(path, set()).update(names)
    return found


def source_classes(package, sources):
    """The classes that a model may be made of, by the modules that they are written in."""
    found = {}
    for path, module in sorted(sys.modules.items()):
        inner = path.removeprefix(f"{package}.src.")
        if inner == path or not any(inner == s or inner.startswith(f"{s}.") for s in sources):
            continue
        classes = {
            key
            for key, value in vars(module).items()
            if is_part(value) and value.__module__ == path and key.isidentifier()
        }
        if classes - LEFT_OUT:
            found[path] = classes - LEFT_OUT
    return found


def functions(package):
    found = {}
    for name, module in public_modules(package, FUNCTION_AREAS):
        written = {key for key, value in vars(module).items() if inspect.isfunction(value)}
        if written - NO_PART:
            found[name] = written - NO_PART
    # Keras writes every function as one of "builtins", whatever it is.
    found["builtins"] = set().union(*found.values())
    return found


def live_names():
    import keras
    from keras.src.saving.serialization_lib import NON_MODELING_APIS

    return {
        "VERSION": keras.__version__,
        "CLASSES": merged(
            public_classes("keras"), registered_classes(), source_classes("keras", SOURCES)
        ),
        "FUNCTIONS": functions("keras"),
        "NO_PART_OF_MODELS": set(NON_MODELING_APIS),
    }


def names_of_tf_keras(folder):
    """The modules of tf-keras as they are called below "tf_keras.src", and its public ones."""
    sys.path.insert(0, folder)
    importlib.import_module("tf_keras")
    parts = (
        *AREAS,
        "applications",
        "engine",
        "feature_column",
        "mixed_precision",
        "premade_models",
        "dtensor",
    )
    own = source_classes("tf_keras", parts)
    inner = {path.removeprefix("tf_keras.src."): names for path, names in own.items()}
    return {
        "TF_KERAS_CLASSES": public_classes("tf_keras"),
        "TF_KERAS_SOURCES": inner,
        "TF_KERAS_FUNCTIONS": functions("tf_keras"),
    }


MEANING = {
    "VERSION": "the Keras that these are the names of",
    "CLASSES": "classes that models are made of, by the module that Keras names with them",
    "FUNCTIONS": "functions that models are made of, in the same way",
    "NO_PART_OF_MODELS": "what Keras itself refuses to take from a config (NON_MODELING_APIS)",
    "TF_KERAS_CLASSES": "public classes of tf-keras, and of Keras 2",
    "TF_KERAS_SOURCES": "classes of tf-keras, by their module as below tf_keras.src",
    "TF_KERAS_FUNCTIONS": "functions of tf-keras, and of Keras 2",
}


def packed(names, indent):
    text = " ".join(f'"{name}",' for name in sorted(names))
    return textwrap.fill(
        text, 99, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def stated(name, value):
    lines = [f"# {name}: {MEANING[name]}."]
    if isinstance(value, str):
        return [*lines, f'{name} = "{value}"']
    if isinstance(value, dict):
        lines.append(f"{name}: dict[str, frozenset[str]] = {{")
        for key in sorted(value):
            lines += [f'    "{key}": frozenset((', packed(value[key], " " * 8), "    )),"]
        return [*lines, "}"]
    return [*lines, f"{name} = frozenset((", packed(value, " " * 4), "))"]


def written(names):
    head = '''"""The names of what models are made of, as Keras 3, tf-keras and Keras 2 write them.

Written by `python -m tests.observation.hazards.keras_names`; a test compares it with Keras.
"""

from __future__ import annotations
'''
    every = ", ".join(f'"{name}"' for name in sorted(names))
    body = [head, *packed_all(every), "# fmt: off"]
    for name, value in names.items():
        body += ["", *stated(name, value)]
    return "\n".join(body) + "\n"


def packed_all(every):
    return ["__all__ = [", textwrap.indent(textwrap.fill(every + ",", 95), "    "), "]", ""]


def main(arguments):
    names = live_names()
    if arguments:
        names |= names_of_tf_keras(arguments[0])
    else:
        from kerasaudit.observation.hazards import keras_api

        names |= {n: getattr(keras_api, n) for n in keras_api.__all__ if n.startswith("TF_KERAS")}
    MODULE.write_text(written(names), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
