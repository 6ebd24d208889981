"""HDF5 files that h5py writes into memory, what h5py says of them, and what we read of them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import h5py
import numpy as np

from kerasaudit.config import DEFAULT_LIMITS
from kerasaudit.observation.contents import Dataset
from kerasaudit.observation.hdf5 import read_tree
from kerasaudit.observation.source import Budget, MemorySource

FORMATS = ("earliest", "latest")


def written(fill, libver="earliest", **arguments):
    """The bytes of a file that `fill` has filled."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=libver, **arguments) as file:
        fill(file)
    return buffer.getvalue()


def read(data, limits=DEFAULT_LIMITS):
    return read_tree(MemorySource(data, Budget("weights.h5", limits)))


@dataclass
class Said:
    """What h5py says: the paths of groups, datasets without what is stored, the texts."""

    groups: set
    datasets: dict
    stored: dict
    attributes: dict


def said_by_h5py(data):
    said = Said(set(), {}, {}, {})
    with h5py.File(io.BytesIO(data)) as file:
        note_attributes(said, "", file)
        file.visititems(lambda path, found: note(said, path, found))
    return said


def note(said, path, found):
    if isinstance(found, h5py.Group):
        said.groups.add(path)
    elif isinstance(found, h5py.Dataset):
        said.stored[path] = found.id.get_storage_size()
        shape = (0,) if found.shape is None else found.shape
        count = int(np.prod(shape, dtype=object))
        said.datasets[path] = (shape, dtype_name(found), count * found.id.get_type().get_size())
    else:
        return
    note_attributes(said, path, found)


def note_attributes(said, path, found):
    texts = {name: text(value) for name, value in found.attrs.items()}
    texts = {name: value for name, value in texts.items() if value is not None}
    if texts:
        said.attributes[path] = texts


def text(value):
    """A text, a list of texts, an empty list; `None` for what is none of these."""
    if isinstance(value, (str, bytes)):
        return value if isinstance(value, str) else value.decode()
    if not isinstance(value, np.ndarray) or (value.size and value.dtype.kind not in "SO"):
        return None
    return tuple(text(item) for item in value.ravel())


def dtype_name(found):
    if h5py.check_string_dtype(found.dtype):
        return "string"
    if found.dtype.kind == "V":
        return found.attrs.get("dtype", f"opaque{8 * found.dtype.itemsize}")
    return found.dtype.name


def without_stored(dataset: Dataset):
    return dataset.shape, dataset.dtype, dataset.declared


def assert_as_h5py_says(data):
    """Our tree of a file is h5py's; a path of many that lead to one object is any of them."""
    tree, said = read(data), said_by_h5py(data)
    assert set(tree.groups) == said.groups
    assert {path: without_stored(found) for path, found in tree.datasets.items()} == said.datasets
    assert tree.attributes == said.attributes
    return tree, said
