"""Builders of documented models: what a source says of a model, stated as data beside its code.

A builder is a function without arguments that returns a Keras model. `@builder` adds the source
and its claims. The bundled builders are the zoo (`zoo:` and `zoo:NAME` as targets); any file or
folder of yours works in the same way.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from kerasaudit.backend import importing
from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.location import Location, of_caller, of_function

__all__ = [
    "Builder",
    "Claim",
    "Example",
    "build",
    "builder",
    "find",
    "folder",
    "load_file",
    "names",
]

_MARK = "__kerasaudit_builder__"

# Figures that a model has on its example alone: the others are of the model itself.
OF_A_WINDOW = ("window", "routing")
OF_AN_EXAMPLE = ("output", "net_input", *OF_A_WINDOW, "gradient", "update")
QUANTITIES = (
    "params",
    "trainable_params",
    "non_trainable_params",
    "macs",
    "output_shape",
    "feature_maps",
    *OF_AN_EXAMPLE,
)
TOTAL = "total"


@dataclass(frozen=True, slots=True, init=False)
class Claim:
    """A documented figure with its working, to be audited.

    Args:
        subject: the path of the layer that it speaks of ("conv2d_1", "encoder/conv1"), or
            "total" for the whole model.
        working: the source's steps, each a chain of equal terms, with ×, ·, *, +, −, -, /, = and
            parentheses: "64 × 3 × 3 = 576". Each is checked by itself; the last term of the last
            step is the claimed figure. A figure may be rounded: "25.6M" (K, M, B or G).
        quantity: what is claimed: "params" (the default), "trainable_params",
            "non_trainable_params", "macs", "feature_maps" (the channels of the output),
            "output_shape", whose working is the extents without the batch axis: "26 × 26 × 32",
            or one of those on the builder's example, below.
        errata: known slips of the source, `{step as written: its correction}`. They are shown and
            are clean; a slip that is not declared is a finding, and so is an erratum for a step
            that is right.
        source: where the figure stands, if it is not where the builder's `source` says.

    >>> Claim("conv2d", "32 × 3 × 3 = 288", "288 + 32 = 320").quantity
    'params'

    On the builder's example a claim speaks of one element; its index counts from 0, without the
    batch axis. Of a layer's output ("max_pooling2d[0,0,0]"): the "output" itself; the "net_input"
    that its activation is applied to; of a pooling the "window", its inputs in row-major order, and
    the "routing", ∂p/∂y by each of them. Of a weight ("conv2d/kernel[0,0,0,0]"): the "gradient"
    ∂L/∂w, in inference, and the "update", what one step leaves of it, w − α·∂L/∂w.

    Such figures are measured: one that is a whole term of a step, or of a list, is rounded to the
    decimals it is written with. Within a computation every figure counts as written, so that a
    wrong digit shows; brackets are read as parentheses.

    >>> Claim("dense/kernel[0,0]", "−1.2745 · 0.169 · 1.412 = −0.304", quantity="gradient").subject
    'dense/kernel[0,0]'
    >>> Claim("max_pooling2d[0,0,0]", "0, 1, 0, 0", quantity="routing").working
    ('0, 1, 0, 0',)
    """

    subject: str
    working: tuple[str, ...]
    quantity: str
    errata: Mapping[str, str]
    source: str | None
    location: Location | None = field(compare=False, repr=False)

    def __init__(
        self,
        subject: str,
        *working: str | int,
        quantity: str = "params",
        errata: Mapping[str, str] | None = None,
        source: str | None = None,
    ) -> None:
        steps = tuple(str(step) for step in working)
        put = object.__setattr__
        put(self, "subject", subject)
        put(self, "working", steps)
        put(self, "quantity", quantity)
        if errata is not None and not isinstance(errata, Mapping):
            raise ConfigError(
                f"claim on {subject!r}: errata must map a step to its correction, "
                f"received {errata!r}"
            )
        put(self, "errata", {str(step): str(right) for step, right in (errata or {}).items()})
        put(self, "source", source)
        put(self, "location", of_caller())
        if not steps:
            raise ConfigError(f"claim on {subject!r}: expected a working or a figure, got none")
        if quantity not in QUANTITIES:
            raise ConfigError(
                f"claim on {subject!r}: quantity must be one of {', '.join(QUANTITIES)}, "
                f"received {quantity!r}"
            )
        unknown = set(self.errata) - set(steps)
        if unknown:
            raise ConfigError(
                f"claim on {subject!r}: an erratum must correct one of its steps, "
                f"received {sorted(unknown)}"
            )


@dataclass(frozen=True, slots=True)
class Example:
    """An input on which a model is worked through, with its target and the weights to do it with.

    Args:
        x: the input, batch axis first: nested lists or an array.
        y: the target, likewise.
        loss: the name of a loss.
        weights: values by the paths of weights ("conv2d/kernel"); those left out stay as built.
        learning_rate: the α of one step of gradient descent, for claims on an update.

    Raises:
        ConfigError: the learning rate is no positive number.
    """

    x: Any
    y: Any
    loss: str
    weights: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        rate = self.learning_rate
        number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
        if rate is not None and not (number and 0 < rate < math.inf):
            raise ConfigError(f"learning_rate: expected a positive number, received {rate!r}")


@dataclass(frozen=True, slots=True)
class Builder:
    """A function that builds a model, and what is documented of that model."""

    function: Callable[..., Any]
    name: str
    source: str | None = None
    claims: tuple[Claim, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    input_shape: Any = None
    example: Example | None = None

    @property
    def location(self) -> Location | None:
        """Where the function stands."""
        return of_function(self.function)

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


_Function = TypeVar("_Function", bound=Callable[..., Any])


def builder(
    *,
    source: str,
    claims: Iterable[Claim] = (),
    exempt: Mapping[str, str] | None = None,
    input_shape: Any = None,
    example: Example | None = None,
    name: str | None = None,
) -> Callable[[_Function], _Function]:
    """Mark a function as the builder of a documented model; the function itself is unchanged.

    Args:
        source: where the model is documented: a citation with its table or section.
        claims: the source's figures.
        exempt: layers that are waived, `{path or pattern: reason}`.
        input_shape: the shape to derive with, for a model whose input leaves extents open.
        example: the input that claims on gradients are judged on, and that `kerasaudit explain`
            works the model through, if no other is given.
        name: the builder's name, if it is not the function's.

    >>> @builder(source="a lecture", claims=[Claim("dense", "4 × 2 + 2 = 10")])
    ... def tiny():
    ...     import keras
    ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    """

    def mark(function: _Function) -> _Function:
        entry = Builder(
            function=function,
            name=name or function.__name__,
            source=source,
            claims=checked_claims(claims),
            exempt=checked_exemptions(exempt),
            input_shape=input_shape,
            example=example,
        )
        setattr(function, _MARK, entry)
        return function

    return mark


def checked_claims(claims: object) -> tuple[Claim, ...]:
    """The claims as a tuple; `ConfigError` for anything that is no claim."""
    listed = tuple(claims) if isinstance(claims, Iterable) else (claims,)
    for claim in listed:
        if not isinstance(claim, Claim):
            raise ConfigError(f"claims must be a list of kerasaudit.Claim, received {claim!r}")
    return listed


def checked_exemptions(exempt: object) -> dict[str, str]:
    """The exemptions as a dict; `ConfigError` for one without a layer or without a reason."""
    if exempt is not None and not isinstance(exempt, Mapping):
        raise ConfigError(f"exempt must map a layer to the reason, received {exempt!r}")
    for path, reason in (exempt or {}).items():
        sound = isinstance(path, str) and isinstance(reason, str)
        if not sound or not path.strip() or not reason.strip():
            raise ConfigError(f"exempt {path!r}: expected a reason in words, received {reason!r}")
    return dict(exempt or {})


def as_builder(function: Callable[..., Any]) -> Builder:
    """The builder that `@builder` made of the function, or a plain one without claims."""
    entry = getattr(function, _MARK, None)
    if isinstance(entry, Builder):
        return entry
    return Builder(function, getattr(function, "__name__", type(function).__name__))


def load_file(path: Path) -> ModuleType:
    """Import a Python file by its path, once per process.

    Raises:
        TargetError: it cannot be read or raises while it is imported; `BackendMissingError` where
            Keras or its backend is what it lacks.
    """
    path = path.resolve()
    for module in list(sys.modules.values()):
        # The same file may be imported already, as `models.lenet5`; its rules must not be twice.
        if getattr(module, "__file__", None) == str(path):
            return module
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"_kerasaudit_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path.name}: expected a Python file, received {path.suffix or 'none'}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with importing(path.name, path.parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def builders_in(path: Path) -> tuple[Builder, ...]:
    """The marked builders of a file, in the order in which they stand there."""
    module = load_file(path)
    # Static, because a module may hold objects whose __getattr__ does anything.
    values = list(vars(module).values())
    entries = (inspect.getattr_static(value, _MARK, None) for value in values)
    found = {id(entry): entry for entry in entries if isinstance(entry, Builder)}
    # What a file imports from another one is that other file's.
    return tuple(b for b in found.values() if b.function.__module__ == module.__name__)


def folder() -> Path:
    """The folder of the bundled builders: inside the installed package, or beside its checkout."""
    package = Path(__file__).resolve().parent
    bundled = package / "bundled_models"
    return bundled if bundled.is_dir() else package.parent / "models"


def _bundled() -> dict[str, Builder]:
    found: dict[str, Builder] = {}
    for path in builder_files(folder()):
        for entry in builders_in(path):
            if entry.name in found:
                raise TargetError(f"{path.name}: a builder named {entry.name!r} exists already")
            found[entry.name] = entry
    return found


def builder_files(directory: Path) -> list[Path]:
    """The Python files of a folder and its subfolders, sorted; hidden and private ones left out."""
    return sorted(
        path
        for path in directory.rglob("*.py")
        if not any(
            part.startswith((".", "_")) or part == "site-packages"
            for part in path.relative_to(directory).parts
        )
    )


def names() -> list[str]:
    """The names of the bundled builders, in the order of their files."""
    return list(_bundled())


def find(name: str) -> Builder:
    """The bundled builder of that name.

    Raises:
        TargetError: there is none; the message suggests the nearest names.
    """
    import difflib

    found = _bundled()
    if name not in found:
        near = difflib.get_close_matches(name, found, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise TargetError(f"zoo:{name}: no bundled model has that name{hint}")
    return found[name]


def build(name: str) -> Any:
    """Build a bundled model: a live Keras model, `ka.zoo.build("lenet5")`."""
    return find(name).function()
