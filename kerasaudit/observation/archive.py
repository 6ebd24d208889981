"""Model files, read without Keras and with nothing in them executed: file in, `Contents` out.

Read are `.keras` (an archive or an unzipped folder), legacy `.h5`, weights alone (`.weights.h5`,
`.weights.npz`, sharded `.weights.json`) and a config as JSON. What a file is, its first bytes say,
not its name. Of the weights only names, shapes and dtypes are read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.errors import KerasAuditError, LimitError, MalformedError, TargetError
from kerasaudit.observation.config_json import looks_like_config, parse
from kerasaudit.observation.contents import Contents, Dataset, Link, Member, Tree
from kerasaudit.observation.hdf5 import read_tree
from kerasaudit.observation.npz import read_arrays
from kerasaudit.observation.observed import Observation
from kerasaudit.observation.source import Budget, FileSource, Source
from kerasaudit.observation.zip_archive import ZipArchive

__all__ = ["from_config", "is_model_folder", "read_contents", "read_source"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_LFS = b"version https://git-lfs.github.com/spec/"
_SHARDS = "weight_map"
_WEIGHTS = ("model.weights.h5", "model.weights.npz")


def read_contents(path: Path, limits: Limits = DEFAULT_LIMITS) -> Contents:
    """What a model file, or an unzipped `.keras` folder, holds.

    Raises:
        MalformedError: it is no such file, or so broken that nothing of it can be told.
        LimitError: it asks for more than the limits allow.
        TargetError: it cannot be read.
    """
    budget = Budget(path.as_posix(), limits)
    if path.is_dir():
        return _read_folder(path, budget)
    with FileSource(path, budget) as source:
        return read_source(source, shards=path.parent)


def read_source(source: Source, shards: Path | None = None) -> Contents:
    """What a file holds whose bytes a source gives; `shards`: the folder that its shards lie in."""
    name = source.budget.name
    if not source.size:
        raise MalformedError(f"{name}: expected a model file, received an empty one")
    start = source.read(0, min(8, source.size))
    if start[:4] in _ZIP:
        return _read_zip(source)
    if start == _HDF5 or _has_user_block(source):
        return _read_hdf5(source)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        received = f"a file that begins with {start!r}"
        if source.read(0, min(len(_LFS), source.size)) == _LFS:
            received = "a pointer of Git LFS to it (git lfs pull fetches the file)"
        raise MalformedError(
            f"{name}: expected a zip archive, an HDF5 file or a config as JSON, received {received}"
        )
    return _read_json(source, shards)


def _has_user_block(source: Source) -> bool:
    """Whether the HDF5 signature stands behind a block of the user's, where it may stand."""
    offset = 512
    while offset + len(_HDF5) <= min(source.size, 2**20):
        if source.read(offset, len(_HDF5)) == _HDF5:
            return True
        offset *= 2
    return False


# -- each kind of file ---------------------------------------------------------------------------


def _read_zip(source: Source) -> Contents:
    name = source.budget.name
    archive = ZipArchive(source)
    members = archive.members
    if archive.has("config.json"):
        limit = source.budget.limits.config_bytes
        found = _v3(name, archive.read("config.json", limit), source.budget)
        if archive.has("metadata.json"):
            metadata = archive.read("metadata.json", limit)
            found = _with_metadata(found, metadata, source.budget)
        found = replace(found, members=members)
        weights = next((one for one in _WEIGHTS if archive.has(one)), None)
        return _with_weights(found, weights, archive.source if weights else None)
    if members and all(member.name.endswith(".npy") for member in members):
        return Contents(name, "weights", members=members, tree=read_arrays(source))
    names = ", ".join(repr(member.name) for member in members[:4]) or "no member at all"
    raise MalformedError(
        f"{name}: expected an archive with config.json (.keras) or of arrays (.npz), received "
        f"{names}"
    )


def _read_folder(path: Path, budget: Budget) -> Contents:
    """An unzipped archive. Links in it are not followed."""
    with ExitStack() as stack:

        def opened(name: str) -> Source:
            return stack.enter_context(_regular_file(path / name, budget))

        found = _v3(budget.name, _whole(opened("config.json")), budget)
        listed = tuple(_listed(path, budget))
        if any(member.name == "metadata.json" for member in listed):
            found = _with_metadata(found, _whole(opened("metadata.json")), budget)
        names = {member.name for member in listed}
        weights = next((one for one in _WEIGHTS if one in names), None)
        return _with_weights(replace(found, members=listed), weights, opened if weights else None)


def _listed(path: Path, budget: Budget) -> Iterator[Member]:
    """The files in a folder, as the members of an archive: links are named and not followed."""
    folders = [path]
    while folders:
        folder = folders.pop()
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            budget.enter()
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
                continue
            size = entry.stat(follow_symlinks=False).st_size
            name = Path(entry.path).relative_to(path).as_posix()
            yield Member(name, size, size, link=entry.is_symlink())


@contextmanager
def _regular_file(path: Path, budget: Budget) -> Iterator[Source]:
    mode = path.lstat().st_mode if os.path.lexists(path) else 0
    if not stat.S_ISREG(mode):
        what = "a link" if stat.S_ISLNK(mode) else "something else" if mode else "nothing"
        raise MalformedError(f"{path}: expected a file, received {what}")
    with FileSource(path, budget) as source:
        yield source


def _read_hdf5(source: Source) -> Contents:
    """A legacy model if it has a model's config, else weights alone."""
    name = source.budget.name
    tree = read_tree(source)
    attributes = tree.attributes.get("", {})
    text = attributes.get("model_config")
    if not isinstance(text, str):
        return Contents(name, "weights", tree=tree)
    config = parse(text.encode("utf-8", "surrogatepass"), f"{name}: model_config", source.budget)
    compiled = attributes.get("training_config")
    metadata = {key: attributes.get(key) for key in ("keras_version", "backend")}
    found = Contents(name, "h5", config=config, metadata=metadata, tree=tree)
    if isinstance(compiled, str):
        data = compiled.encode("utf-8", "surrogatepass")
        found = replace(found, compiled=parse(data, f"{name}: training_config", source.budget))
    return found


def _read_json(source: Source, shards: Path | None) -> Contents:
    name = source.budget.name
    value = parse(_whole(source), name, source.budget)
    if isinstance(value, dict) and isinstance(value.get(_SHARDS), dict):
        if shards is None:
            raise TargetError(f"{name}: shards are read from a folder, not over the network")
        return _read_shards(name, value[_SHARDS], shards, source.budget)
    if not looks_like_config(value) and not _is_object(value):
        keys = sorted(map(str, value))[:6] if isinstance(value, dict) else type(value).__name__
        raise MalformedError(
            f"{name}: expected the config of a Keras model (class_name and config with layers), "
            f"received {keys}"
        )
    return Contents(name, "json", config=value, compiled=value.get("compile_config"))


def _read_shards(name: str, mapping: Mapping[str, Any], folder: Path, budget: Budget) -> Contents:
    """Weights in several files, which their index names: files beside it and no others."""
    names = {one for value in mapping.values() for one in _names(value)}
    datasets: dict[str, Dataset] = {}
    groups: list[str] = []
    links: list[Link] = []
    attributes: dict[str, Any] = {}
    for shard in sorted(names):
        if shard != Path(shard).name or not shard.endswith(".weights.h5") or "\\" in shard:
            raise MalformedError(
                f"{name}: expected shards beside it (….weights.h5), received {shard!r}"
            )
        with _regular_file(folder / shard, budget) as source:
            tree = read_tree(source)
        again = datasets.keys() & tree.datasets.keys()
        if again:
            raise MalformedError(f"{name}: {min(again)!r} is in several shards")
        datasets.update(tree.datasets)
        groups += tree.groups
        links += tree.links
        attributes.update(tree.attributes)
    tree = Tree(tuple(dict.fromkeys(groups)), datasets, tuple(links), attributes)
    return Contents(name, "weights", tree=tree)


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else [value]
    return [one if isinstance(one, str) else repr(one) for one in names]


# -- what they share -----------------------------------------------------------------------------


def _whole(source: Source) -> bytes:
    """A small file: at most as much as a config may have, and one byte more by which to tell."""
    return source.read(0, min(source.size, source.budget.limits.config_bytes + 1))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and {"class_name", "config"} <= set(value)


def _v3(name: str, data: bytes, budget: Budget) -> Contents:
    config = parse(data, f"{name}: config.json", budget)
    if not _is_object(config):
        received = sorted(map(str, config))[:6] if isinstance(config, dict) else config
        raise MalformedError(
            f"{name}: expected config.json to hold class_name and config, received {received!r:.80}"
        )
    return Contents(name, "keras", config=config, compiled=config.get("compile_config"))


def _with_metadata(found: Contents, data: bytes, budget: Budget) -> Contents:
    """With what metadata.json says. Nothing depends on it: it may be broken."""
    try:
        value = parse(data, "metadata.json", budget)
    except KerasAuditError as error:
        return replace(found, problems=(*found.problems, str(error)))
    return replace(found, metadata=value if isinstance(value, dict) else {})


def _with_weights(found: Contents, name: str | None, opened: Any) -> Contents:
    """With the weights' tree; the config is audited even where that cannot be read."""
    if name is None:
        return replace(found, problems=(*found.problems, "it holds no weights (model.weights.h5)"))
    try:
        source = opened(name)
        tree = read_arrays(source) if name.endswith(".npz") else read_tree(source)
    except (MalformedError, LimitError) as error:  # any other: nothing of the file can be read
        return replace(found, problems=(*found.problems, f"{name}: {error}"))
    return replace(found, tree=tree)


def is_model_folder(path: Path) -> bool:
    """Whether a folder is an unzipped `.keras` archive."""
    return (path / "config.json").is_file() and any((path / one).is_file() for one in _WEIGHTS)


def from_config(config: Mapping[str, Any]) -> Observation:
    """The observation of a config alone: nothing is held, so there is nothing to reconcile with."""
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return Observation(
        name=name if isinstance(name, str) else str(config.get("class_name", "model")),
        class_name=str(config.get("class_name")),
        config=config,
    )
