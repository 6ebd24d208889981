"""What a user typed or passed, resolved into the models that it names.

Nothing is built or read here but what is needed to know the names: each `Subject` observes its
model when it is asked to, so that one that fails takes no other with it.
"""

from __future__ import annotations

import glob
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any, cast
from urllib.parse import unquote

from kerasaudit import zoo
from kerasaudit.backend import importing
from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.errors import KerasAuditError, NothingFoundError, TargetError
from kerasaudit.location import Location
from kerasaudit.observation import archive, live
from kerasaudit.observation.config_json import looks_like_config
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards import inspect
from kerasaudit.observation.observed import Observation
from kerasaudit.observation.remote import address
from kerasaudit.observation.source import Budget
from kerasaudit.observation.stored import observe_contents
from kerasaudit.observation.tree import HasRule
from kerasaudit.zoo import Builder, Claim, Example

__all__ = [
    "Subject",
    "is_model_file",
    "observe_file",
    "one_subject",
    "refuse_without_builder",
    "resolve",
    "resolve_builder",
]

# What a folder is searched for. Any file that is named itself is read, whatever its name.
_MODEL_FILES = ("*.keras", "*.h5", "*.hdf5", "*.weights.npz", "*.json")
_SHARD = re.compile(r"(.*)_\d{5}\.weights\.h5")


@dataclass(frozen=True, slots=True)
class Subject:
    """One model to audit: how it was named, how to observe it, and what is documented of it.

    `observe` is given the input shape that was asked for (or `None`), and what tells whether a
    layer has a rule. `build` gives the live model; it is `None` where there is none (a config).
    `read` gives what a file holds within limits; it is `None` where no file is named.
    """

    target: str
    name: str
    observe: Callable[[Any, HasRule], Observation]
    build: Callable[[], Any] | None = None
    read: Callable[[Limits], Contents] | None = None
    source: str | None = None
    summary: str = ""
    claims: tuple[Claim, ...] = ()
    exempt: Mapping[str, str] = field(default_factory=dict)
    input_shape: Any = None
    example: Example | None = None
    location: Location | None = None


def resolve(target: object, arguments: Mapping[str, Any] | None = None) -> Iterator[Subject]:
    """Yield the models that a target names, in a stable order.

    Args:
        target: a Keras model, a builder function, a config dict, or a string or path: a folder,
            `file.py`, `file.py::builder`, `package.module:callable`, a model file (`.keras`,
            `.h5`, `.weights.h5`, a config `.json`) or its URL, a glob, `zoo:`, `zoo:NAME`.
        arguments: keyword arguments for the builder that the target names.

    Raises:
        TargetError: the target names nothing, or cannot be imported or read. What was yielded
            before stays good.
    """
    arguments = arguments or {}
    if isinstance(target, (str, Path)):
        yield from _resolve_name(str(target), arguments)
    elif isinstance(target, Mapping):
        name = archive.from_config(target).name
        yield Subject(name, name, lambda *_: _observe_config(target))
    elif live.is_live_model(target):
        name = target.name  # type: ignore[attr-defined]
        yield Subject(name, name, partial(live.observe, target), build=lambda: target)
    elif callable(target) and not isinstance(target, type):
        entry = zoo.as_builder(target)
        yield _from_builder(entry, entry.name, arguments)
    else:
        raise TargetError(
            "expected a Keras model, a builder function, a config dict or the name of a target, "
            f"received {type(target).__name__}"
        )


def one_subject(target: object, arguments: Mapping[str, Any] | None = None) -> Subject:
    """The one model that a target names.

    Raises:
        TargetError: it names none, or several.
    """
    subjects = list(resolve(target, arguments))
    if len(subjects) != 1:
        raise TargetError(
            f"{target}: expected the name of one model, received {len(subjects)}; "
            "kerasaudit.audit_all takes several"
        )
    return subjects[0]


def refuse_without_builder(target: str | Path) -> None:
    """Raise `NothingFoundError` for a Python file whose text does not hold the word "builder".

    To find the builders of a file it is imported, which runs it: a file that has nothing to do with
    them is better left alone.

    >>> refuse_without_builder(__file__)
    """
    path = Path(target)
    try:
        speaks = path.suffix.lower() != ".py" or b"builder" in path.read_bytes()
    except OSError:
        return  # resolving the target says what is the matter with it
    if not speaks:
        raise NothingFoundError(f"{path}: no builder marked with @kerasaudit.builder in this file")


def resolve_builder(
    target: object, arguments: Mapping[str, Any] | None = None
) -> tuple[Subject, Callable[[], Any]]:
    """The one model that a target names, and what builds it live.

    Raises:
        TargetError: the target names none, several, or one that holds no weights.
    """
    subject = one_subject(target, arguments)
    build = subject.build
    if build is None:
        raise TargetError(
            f"{target}: expected a builder (file.py::builder, zoo:NAME), received a config or a "
            "file, which is not built"
        )
    return subject, build


def _observe_config(config: Mapping[str, Any]) -> Observation:
    _check_config(config)
    return archive.from_config(config)


def _check_config(config: Mapping[str, Any]) -> None:
    if not looks_like_config(config):
        raise TargetError(
            "expected the config of a Keras model (class_name and config with layers), "
            f"received a dict with the keys {sorted(map(str, config))[:6]}"
        )


def _from_builder(entry: Builder, target: str, arguments: Mapping[str, Any]) -> Subject:
    def build() -> Any:
        return live.build(entry.function, entry.name, arguments)

    return Subject(
        target=target,
        name=entry.name,
        observe=partial(live.observe_builder, entry.function, entry.name, arguments),
        build=build,
        source=entry.source,
        summary=entry.summary,
        claims=entry.claims,
        exempt=entry.exempt,
        input_shape=entry.input_shape,
        example=entry.example,
        location=entry.location,
    )


def _resolve_name(target: str, arguments: Mapping[str, Any]) -> Iterator[Subject]:
    if address.is_url(target):
        yield _from_url(target)
        return
    file, separator, name = target.partition("::")
    path = Path(file)
    if not file.strip() or not _can_be_a_path(path):
        raise TargetError(f"expected the name of a target, received {target!r}")
    if target.startswith("zoo:"):
        yield from _resolve_zoo(target, arguments)
    elif separator:
        yield _from_builder(_builder_of_file(path, name), target, arguments)
    elif path.is_dir() and archive.is_model_folder(path):
        yield _from_file(path)
    elif path.is_dir():
        yield from _resolve_folder(path, arguments)
    elif path.is_file():
        yield from _resolve_file(path, arguments)
    elif glob.has_magic(target):
        yield from _resolve_glob(target, arguments)
    elif ":" in target and "/" not in target and path.suffix != ".json":
        yield _from_builder(_imported(target), target, arguments)
    else:
        raise TargetError(
            f"{target}: no such file or folder (a target is a folder, file.py, file.py::builder, "
            "package.module:callable, a model file or its URL, zoo: or zoo:NAME)"
        )


def _can_be_a_path(path: Path) -> bool:
    try:
        path.exists()
    except (OSError, ValueError):  # longer than any file's name, or with a NUL in it
        return False
    return True


def _resolve_zoo(target: str, arguments: Mapping[str, Any]) -> Iterator[Subject]:
    name = target.removeprefix("zoo:")
    for each in [name] if name else zoo.names():
        yield _from_builder(zoo.find(each), f"zoo:{each}", arguments)


def _resolve_glob(pattern: str, arguments: Mapping[str, Any]) -> Iterator[Subject]:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute patterns too
    private = [match for match in matches if Path(match).name.startswith((".", "_"))]
    subjects = _one_by_one(
        (match, _resolve_name(match, arguments)) for match in matches if match not in private
    )
    yield from _at_least_one(subjects, f"{pattern}: no file with a model matches")


def _resolve_folder(directory: Path, arguments: Mapping[str, Any]) -> Iterator[Subject]:
    python = [(path, _builders_of_file(path, arguments)) for path in zoo.builder_files(directory)]
    files = ((path, iter([_from_file(path)])) for path in _model_files(directory))
    subjects = _one_by_one((*python, *files))
    yield from _at_least_one(subjects, f"{directory}: no builder and no model file in this folder")


def _model_files(directory: Path) -> Iterator[Path]:
    """The model files in a folder and below it, unzipped models as one each.

    Shards are read with the index that names them.
    """
    for path in sorted({path for kind in _MODEL_FILES for path in directory.rglob(kind)}):
        if archive.is_model_folder(path.parent):
            if path.name == "config.json":
                yield path.parent
        elif is_model_file(path):
            yield path


def is_model_file(path: Path) -> bool:
    """Whether a search of its folder takes this file for a model: by its name, JSON by what it is.

    A shard is not: it is read with the index that names it. Nor is what lies in an unzipped model.
    """
    if not any(path.match(kind) for kind in _MODEL_FILES) or not path.is_file():
        return False
    if archive.is_model_folder(path.parent):
        return False
    shard = _SHARD.fullmatch(path.name)
    if shard is not None and (path.parent / f"{shard[1]}.weights.json").is_file():
        return False
    return path.suffix != ".json" or _is_config_file(path)


def _one_by_one(
    files: Iterable[tuple[str | Path, Iterator[Subject]]],
) -> Iterator[Subject]:
    """The subjects of each file; one that cannot be imported or read fails for itself alone."""
    for file, subjects in files:
        try:
            yield from subjects
        except NothingFoundError:
            continue
        except KerasAuditError as error:
            yield _failing(Path(file).as_posix(), error)


def _failing(target: str, error: KerasAuditError) -> Subject:
    def observe(*_: object) -> Observation:
        raise error

    return Subject(target, Path(target).stem, observe)


def _at_least_one(subjects: Iterator[Subject], otherwise: str) -> Iterator[Subject]:
    empty = True
    for subject in subjects:
        empty = False
        yield subject
    if empty:
        raise NothingFoundError(otherwise)


def _is_config_file(path: Path) -> bool:
    """A folder may hold any JSON; only a model's config or an index of shards is meant."""
    try:
        contents = archive.read_contents(path)
    except TargetError:
        return False
    return contents.form == "weights" or looks_like_config(contents.config)


def _resolve_file(path: Path, arguments: Mapping[str, Any]) -> Iterator[Subject]:
    suffix = path.suffix.lower()
    if suffix == ".py":
        subjects = list(_builders_of_file(path, arguments))
        if not subjects:
            raise NothingFoundError(
                f"{path}: no builder marked with @kerasaudit.builder in this file; "
                f"name a function with {path}::FUNCTION"
            )
        yield from subjects
    else:
        yield _from_file(path)


def _from_file(path: Path) -> Subject:
    return _stored(path.as_posix(), path.name, partial(archive.read_contents, path))


def _from_url(url: str) -> Subject:
    """A file by its URL, which is shown without what may be secret in it, and opened when read."""
    try:
        path, name = address.local_path(url), address.shown(url)
    except KerasAuditError as error:
        return _failing(url.partition("://")[0] + "://…", error)
    if path is not None:
        return _from_file(path)

    def read(limits: Limits) -> Contents:
        from kerasaudit.observation.remote.source import RemoteSource  # takes long to import

        with RemoteSource(url, Budget(name, limits)) as source:
            return archive.read_source(source)

    return _stored(name, unquote(name.rpartition("/")[2]), read)


def _stored(target: str, file_name: str, read: Callable[[Limits], Contents]) -> Subject:
    suffix = PurePath(file_name).suffix
    return Subject(
        target=target,
        name=file_name.removesuffix(suffix).removesuffix(".weights"),
        observe=lambda *_: observe_file(read(DEFAULT_LIMITS)),
        read=read,
        location=Location(target),
    )


def observe_file(contents: Contents, against: Observation | None = None) -> Observation:
    """What a file holds, and what is dangerous about it."""
    if contents.form == "json" and against is None:
        _check_config(contents.config)
    return replace(observe_contents(contents, against), hazards=inspect(contents))


def _builders_of_file(path: Path, arguments: Mapping[str, Any]) -> Iterator[Subject]:
    for entry in zoo.builders_in(path):
        yield _from_builder(entry, f"{path.as_posix()}::{entry.name}", arguments)


def _is_function(value: object) -> bool:
    """Whether it can be a builder: callable, and neither a class nor a model itself."""
    return callable(value) and not isinstance(value, type) and not live.is_live_model(value)


def _builder_of_file(path: Path, name: str) -> Builder:
    if not path.is_file():
        raise TargetError(f"{path}: no such file")
    module = zoo.load_file(path)
    marked = {entry.name: entry for entry in zoo.builders_in(path)}
    if name in marked:
        return marked[name]
    function = getattr(module, name, None)
    if not _is_function(function):
        have = ", ".join(marked) or "none"
        raise TargetError(f"{path}::{name}: no such builder in this file (it has: {have})")
    return zoo.as_builder(cast("Callable[..., Any]", function))


def _imported(target: str) -> Builder:
    module_name, _, attribute = target.partition(":")
    with importing(target, Path.cwd()):
        value: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            value = getattr(value, part, None)
    if not _is_function(value):
        raise TargetError(f"{target}: module {module_name!r} has no callable {attribute!r}")
    return zoo.as_builder(value)
