"""Damaged files: one clear error or a tree, never anything else, and never without bounds."""

from __future__ import annotations

import tracemalloc
from functools import cache

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kerasaudit.errors import LimitError, MalformedError
from kerasaudit.observation.hdf5 import read_tree
from kerasaudit.observation.source import Budget, MemorySource
from tests.observation.hdf5.files import FORMATS, written

EXAMPLES = 150  # of each test; raise it for a long run
_MEGABYTE = 1024 * 1024


def many(file):
    """Groups, weights and attributes, more of each than fit into an object header."""
    for number in range(12):
        file[f"layers/layer_{number}/vars/0"] = np.zeros((3, 4), "float32")
        file[f"layers/layer_{number}/vars"].attrs["name"] = f"layer {number}"
        file.attrs[f"attribute {number}"] = "x" * number
    file.attrs["long"] = "x" * 5000
    file.attrs["names"] = np.array([b"kernel", b"bias"])
    file.attrs["empty"] = []
    file["n" * 5000] = 1.0


def varied(file):
    """Datasets of every storage, links of every kind, a committed datatype."""
    table = np.zeros((20, 20))
    for name, maxshape in {"fixed": (20, 20), "one": (None, 20), "two": (None, None)}.items():
        file.create_dataset(name, data=table, chunks=(7, 7), maxshape=maxshape)
        file.create_dataset(f"{name} packed", data=table, chunks=(7, 7), compression="gzip")
    file.create_dataset("external", (4,), "float32", external=[("a.raw", 0, 16)])
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "weights", (4,))
    file.create_virtual_dataset("virtual", layout)
    file["type"] = np.dtype("float32")
    file.create_dataset("committed", (2,), file["type"])
    file["bool"] = [True]
    file.create_dataset("bfloat16", data=np.zeros(3, "V2")).attrs["dtype"] = "bfloat16"
    file["soft"] = h5py.SoftLink("/bool")
    file["other"] = h5py.ExternalLink("other.h5", "/a")
    file["again"] = file["bool"]


class _Noting(MemorySource):
    """A source that notes where it was read."""

    def __init__(self, data, budget):
        super().__init__(data, budget)
        self.places = set()

    def read(self, offset, size):
        self.places.update(range(offset, offset + min(size, 600)))
        return super().read(offset, size)


@cache
def bases():
    """Each file with the places in it that matter: flips in the data of weights change nothing."""
    found = []
    for fill in (many, varied):
        for libver in FORMATS:
            source = _Noting(written(fill, libver), Budget("base"))
            read_tree(source)
            found.append((source._data, sorted(source.places)))
    return found


def read_or_refuse(data):
    budget = Budget("damaged.h5")
    refused = "damaged.h5: no"
    try:
        read_tree(MemorySource(bytes(data), budget))
    except (MalformedError, LimitError) as error:
        refused = str(error)
    assert refused.startswith("damaged.h5: ")
    assert "\n" not in refused
    # Each structure may be read once more for each that refers to it, and no oftener.
    assert budget.bytes_read < 100 * (len(data) + 1000)


BASES = st.integers(0, 3)
PLACES = st.floats(0, 1, exclude_max=True)
WIDTHS = st.sampled_from([1, 2, 4, 8])


def place_in(places, share):
    return places[int(share * len(places))]


@settings(max_examples=EXAMPLES, deadline=None)
@given(base=BASES, flips=st.lists(st.tuples(PLACES, st.integers(0, 7)), min_size=1, max_size=16))
def test_flipped_bits(base, flips):
    data, places = bases()[base]
    damaged = bytearray(data)
    for share, bit in flips:
        damaged[place_in(places, share)] ^= 1 << bit
    read_or_refuse(damaged)


@settings(max_examples=EXAMPLES, deadline=None)
@given(base=BASES, fields=st.lists(st.tuples(PLACES, WIDTHS, st.data()), min_size=1, max_size=4))
def test_fields_of_telling_values(base, fields):
    """Zero, the largest, the file's own size and addresses of other structures in it."""
    data, places = bases()[base]
    damaged = bytearray(data)
    for share, width, choice in fields:
        most = (1 << 8 * width) - 1
        telling = [0, 1, most, most - 1, most // 2, most // 2 + 1, len(data)]
        aligned = [place for place in places if place % 8 == 0]
        value = choice.draw(st.sampled_from(telling) | st.sampled_from(aligned))
        start = place_in(places, share) // width * width
        damaged[start : start + width] = (value & most).to_bytes(width, "little")
    read_or_refuse(damaged)


@settings(max_examples=EXAMPLES, deadline=None)
@given(base=BASES, start=PLACES, onto=PLACES, size=st.sampled_from([8, 16, 40, 64, 256]))
def test_structures_copied_onto_others(base, start, onto, size):
    data, places = bases()[base]
    damaged = bytearray(data)
    first, second = place_in(places, start), place_in(places, onto)
    damaged[second : second + size] = data[first : first + size]
    read_or_refuse(damaged)


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(base=BASES, end=PLACES)
@example(base=0, end=0.0)
def test_files_that_are_cut(base, end):
    data, _ = bases()[base]
    with pytest.raises(MalformedError):
        read_tree(MemorySource(data[: int(end * len(data))], Budget("cut.h5")))


def peak_of(data):
    """The most memory that reading takes beside the file, and how it ends."""
    source = MemorySource(data, Budget("hostile.h5"))
    tracemalloc.start()
    try:
        with pytest.raises((MalformedError, LimitError)) as refused:
            read_tree(source)
        return tracemalloc.get_traced_memory()[1], str(refused.value)
    finally:
        tracemalloc.stop()


def test_a_text_that_many_attributes_refer_to_is_not_kept_as_often():
    """4,000 attributes of 16 bytes that stand for a megabyte each: 4 GB, in a file of a few MB."""

    def fill(file):
        file.attrs["text"] = "x" * _MEGABYTE
        for number in range(4000):
            file[f"group {number:04}"] = np.zeros(1)
            file[f"group {number:04}"].attrs["t"] = f"{number:04}"

    data = bytearray(written(fill))
    heap = data.index(b"GCOL")
    while b"x" * 1000 not in data[heap : heap + 5000]:
        heap = data.index(b"GCOL", heap + 1)
    # The text is the first in its heap.
    reference = b"".join(
        number.to_bytes(size, "little") for number, size in ((_MEGABYTE, 4), (heap, 8), (1, 4))
    )
    place = data.find(b"t\0\0\0\0\0\0\0\x19")
    while place >= 0:  # an attribute's name, its datatype and its dataspace come before its value
        value = data.index(b"\x04\0\0\0", place + 24)
        data[value : value + 16] = reference
        place = data.find(b"t\0\0\0\0\0\0\0\x19", value)
    peak, refused = peak_of(bytes(data))
    assert "(attribute_bytes)" in refused
    assert peak < 100 * _MEGABYTE


def test_a_name_that_many_members_refer_to_is_refused():
    """Every member of a group is given the name of a megabyte that its heap has."""

    def fill(file):
        for number in range(300):
            file.create_group(f"{number:04}")
        file.create_group("n" * _MEGABYTE)

    data = bytearray(written(fill))
    name = data.index(b"n" * 1000)
    heap = data.index(b"0000\0") - 8  # its first place has the empty name
    node = data.find(b"SNOD")
    while node >= 0:
        for entry in range(
            node + 8, node + 8 + 40 * int.from_bytes(data[node + 6 : node + 8], "little"), 40
        ):
            data[entry : entry + 8] = (name - heap).to_bytes(8, "little")
        node = data.find(b"SNOD", node + 8)
    peak, refused = peak_of(bytes(data))
    assert "names of 1 to 65,535 bytes, received one of 1,048,576" in refused
    assert peak < 20 * _MEGABYTE


def test_a_b_tree_that_leads_back_to_itself():
    data = bytearray(written(lambda file: [file.create_group(str(n)) for n in range(300)]))
    roots = [p for p in range(len(data) - 8) if data[p : p + 6] == b"TREE\0\1"]
    (root,) = roots
    data[root + 32 : root + 40] = root.to_bytes(8, "little")
    with pytest.raises(MalformedError, match=r"B-tree node at .*: expected level 0, received 1"):
        read_tree(MemorySource(bytes(data), Budget("a.h5")))
