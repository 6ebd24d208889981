"""Hostile HDF5: links, arrays that are elsewhere or nowhere, structures without end."""

from __future__ import annotations

import h5py
import numpy as np

from tests.observation.hostile.making import archived, legacy, legacy_model, parts, weights

_FIRST = "layers/dense/vars/0"


def _external_link(file):
    del file[_FIRST]
    file[_FIRST] = h5py.ExternalLink("/etc/passwd", "/x")


def _external_link_in_place_of_a_group(file):
    del file["layers"]
    file["layers"] = h5py.ExternalLink("other.h5", "/layers")


def _soft_link(file):
    del file[_FIRST]
    file[_FIRST] = h5py.SoftLink("/layers/dense/vars/1")


def _soft_link_to_itself(file):
    file["vars/x"] = h5py.SoftLink("/vars/x")


def _external_storage(file):
    del file[_FIRST]
    file.create_dataset(_FIRST, (4, 3), "float32", external=[("/etc/passwd", 0, 48)])


def _virtual(file):
    del file[_FIRST]
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 3))
    file.create_virtual_dataset(_FIRST, layout)


def _shape_bomb(file):
    del file[_FIRST]
    file.create_dataset(_FIRST, (2**20, 2**20), "float32")


def _shape_bomb_in_chunks(file):
    del file[_FIRST]
    file.create_dataset(_FIRST, (2**20, 2**20), "float32", chunks=(1024, 1024), compression="gzip")


def _shape_bomb_beyond_counting(file):
    del file[_FIRST]
    chunks = (1,) * 16
    file.create_dataset(_FIRST, (2**31,) * 16, "float32", chunks=chunks)


def _packed_zeros(file):
    del file[_FIRST]
    zeros = np.zeros((2048, 4096), "float32")  # 32 MiB, packed a thousandfold
    file.create_dataset(_FIRST, data=zeros, chunks=(1024, 1024), compression="gzip")


def _many_small_claims(file):
    for number in range(20):
        file.create_dataset(f"vars/{number}", (2**20,), "float32")  # 4 MiB each, unwritten


def _circle(file):
    file["layers/dense/again"] = file["layers"]


def _group_in_itself(file):
    file["vars/vars"] = file["vars"]


def _deep(file):
    group = file["vars"]
    for _ in range(200):
        group = group.create_group("x")


def _wide(file):
    group = file["vars"]
    for number in range(1_000):
        group.create_group(str(number))


def _name_above(file):
    file["layers"].create_group("..\\x")


def _name_with_control_characters(file):
    file["layers"].create_group("\x1b[2Jx")


def _name_that_turns_around(file):
    file["layers"].create_group("\u202eabc")


def _objects(file):
    file.create_dataset("vars/x", (2,), h5py.vlen_dtype(np.dtype("int32")))


def _missing(file):
    del file["layers/dense/vars/1"]


def _another_shape(file):
    del file[_FIRST]
    file[_FIRST] = np.ones((4, 5), "float32")


_CHANGES = [
    (_external_link, {"KA309"}, 1),
    (_external_link_in_place_of_a_group, {"KA309"}, 1),
    (_soft_link, {"KA310"}, 1),
    (_soft_link_to_itself, {"KA310"}, 1),
    (_external_storage, {"KA311"}, 1),
    (_virtual, {"KA312"}, 1),
    (_shape_bomb, {"KA313"}, 1),
    (_shape_bomb_in_chunks, {"KA313"}, 1),
    (_shape_bomb_beyond_counting, {"KA313"}, 1),
    (_packed_zeros, {"KA313"}, 1),
    (_many_small_claims, {"KA313"}, 2),
    (_circle, set(), 0),  # a group of two names is one group, and holds no weight twice
    (_group_in_itself, set(), 0),
    (_deep, {"KA350"}, 2),
    (_wide, set(), 0),
    (_name_above, {"KA318"}, 1),
    (_name_with_control_characters, {"KA318"}, 1),
    (_name_that_turns_around, {"KA318"}, 1),
    (_objects, {"KA116"}, 2),
    (_missing, {"KA102"}, 1),
    (_another_shape, {"KA101"}, 1),
]


def _claiming_a_million_entries():
    """A symbol table node that says it has more entries than the file has bytes."""
    data = bytearray(weights())
    place = data.index(b"SNOD")
    data[place + 6 : place + 8] = b"\xff\xff"
    return bytes(data)


def _tree_that_leads_to_itself():
    """A B-tree whose first child is itself."""
    data = bytearray(weights())
    place = data.index(b"TREE")
    data[place + 5] = 3  # a level above the leaves
    data[place + 32 : place + 40] = place.to_bytes(8, "little")
    return bytes(data)


def hdf5_files():
    """Each as (name, suffix, bytes, codes, status)."""
    for change, codes, status in _CHANGES:
        name = change.__name__.strip("_")
        yield f"hdf5_{name}", ".keras", archived(parts(held=weights(change))), codes, status
    whole = weights()
    broken = {
        "cut_short": whole[:-200],
        "only_its_first_bytes": whole[:8],
        "without_its_first_bytes": b"\0" * 8 + whole[8:],
        "no_hdf5": b"weights" * 100,
        "empty": b"",
        "claiming_a_million_entries": _claiming_a_million_entries(),
        "tree_that_leads_to_itself": _tree_that_leads_to_itself(),
        "addresses_beyond_the_end": whole[:96] + b"\xff" * (len(whole) - 96),
    }
    for name, data in broken.items():
        yield f"hdf5_{name}", ".keras", archived(parts(held=data)), {"KA350"}, 2
        yield f"legacy_{name}", ".h5", data, {"KA350"}, 2
    link = legacy(legacy_model(), _legacy_link)
    yield "legacy_external_link", ".h5", link, {"KA309"}, 1
    yield "weights_alone_external_link", ".weights.h5", weights(_external_link), {"KA309"}, 2
    yield "weights_alone_shape_bomb", ".weights.h5", weights(_shape_bomb), {"KA313"}, 2


def _legacy_link(file):
    del file["model_weights/dense/dense/kernel:0"]
    file["model_weights/dense/dense/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")
