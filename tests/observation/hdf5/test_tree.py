"""The reader against h5py: whatever h5py writes, in the old format and the new."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.config import Limits
from kerasaudit.errors import LimitError, MalformedError
from kerasaudit.observation.contents import Dataset, Link
from tests.observation.hdf5.files import FORMATS, assert_as_h5py_says, read, written

NAMES = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="/\0"), min_size=1, max_size=12
).filter(lambda name: name != ".")
DTYPES = st.sampled_from(
    ["float32", "float16", "float64", "int8", "uint8", "int64", "uint32", "bool", ">f4", "V2", "S5"]
)
CHUNKS = st.sampled_from([{}, {"chunks": True}, {"chunks": True, "compression": "gzip"}])


@st.composite
def datasets(draw):
    """What h5py makes a dataset of."""
    shape = tuple(draw(st.lists(st.integers(0, 7), max_size=4)))
    made = {"shape": shape, "dtype": draw(DTYPES)}
    if 0 not in shape and shape:
        made |= draw(CHUNKS)
        if "chunks" in made and draw(st.booleans()):
            made["maxshape"] = (None,) * len(shape)
    if draw(st.booleans()):
        made["data"] = np.zeros(shape, made["dtype"])
    return made


MEMBERS = st.dictionaries(NAMES, datasets(), max_size=12)
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=60)
ATTRIBUTES = st.dictionaries(
    NAMES, st.one_of(TEXTS, st.lists(TEXTS, max_size=4), st.integers(0, 9)), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(
    groups=st.dictionaries(
        st.lists(NAMES, min_size=1, max_size=4).map(tuple),
        st.tuples(MEMBERS, ATTRIBUTES),
        max_size=6,
    ),
    libver=st.sampled_from(FORMATS),
    track_order=st.booleans(),
    userblock_size=st.sampled_from([0, 512, 2048]),
)
def test_any_tree(groups, libver, track_order, userblock_size):
    def fill(file):
        for path, (members, attributes) in groups.items():
            group = file
            for name in path:
                found = group.get(name)
                if found is not None and not isinstance(found, h5py.Group):
                    return
                group = found if found is not None else group.create_group(name)
            for name, made in members.items():
                if name not in group:
                    group.create_dataset(name, **made)
            group.attrs.update(attributes)

    data = written(fill, libver, track_order=track_order, userblock_size=userblock_size)
    tree, said = assert_as_h5py_says(data)
    for path, dataset in tree.datasets.items():
        if dataset.storage == "chunked" and libver == "latest" and len(dataset.shape) == 1:
            # An extensible array says how many chunks there are, and not what they are packed to.
            assert bool(dataset.stored) == bool(said.stored[path])
        else:
            assert dataset.stored == said.stored[path]


@pytest.mark.parametrize("libver", FORMATS)
@pytest.mark.parametrize("count", [8, 9, 300, 3000])
def test_groups_of_many_members(libver, count):
    def fill(file):
        for number in range(count):
            file.create_group(f"group {number}")

    tree = read(written(fill, libver))
    assert set(tree.groups) == {f"group {number}" for number in range(count)}


@pytest.mark.parametrize("libver", FORMATS)
@pytest.mark.parametrize("count", [1, 8, 9, 400])
def test_objects_of_many_attributes(libver, count):
    def fill(file):
        for number in range(count):
            file.attrs[f"name {number}"] = f"value {number}"

    expected = {f"name {number}": f"value {number}" for number in range(count)}
    assert read(written(fill, libver)).attributes == {"": expected}


@pytest.mark.parametrize("libver", FORMATS)
def test_long_names_and_texts_of_every_kind(libver):
    fixed = np.bytes_(b"f" * (60_000 if libver == "earliest" else 100_000))

    def fill(file):
        file.create_group("n" * 6000)
        file.attrs["long"] = "é" * 70_000
        file.attrs["long fixed"] = fixed
        file.attrs["many"] = [f"layer_{number}" for number in range(3000)]
        file.attrs["many fixed"] = np.array([b"kernel", b"bias", b""])
        file.attrs["a" * 5000] = "long name"
        file.attrs["empty"] = []
        file.attrs["number"] = 3.0
        file.attrs["nothing"] = h5py.Empty("S10")

    tree, _ = assert_as_h5py_says(written(fill, libver))
    assert tree.groups == ("n" * 6000,)
    assert tree.attributes[""]["many fixed"] == ("kernel", "bias", "")
    assert tree.attributes[""]["empty"] == ()
    assert tree.attributes[""]["long fixed"] == fixed.decode()


@pytest.mark.parametrize(
    ("padding", "expected"),
    [(h5py.h5t.STR_NULLTERM, "ab"), (h5py.h5t.STR_NULLPAD, "ab"), (h5py.h5t.STR_SPACEPAD, "ab")],
)
def test_texts_of_a_fixed_size_end_as_their_type_says(padding, expected):
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(6)
    kind.set_strpad(padding)

    def fill(file):
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        attribute = h5py.h5a.create(file.id, b"name", kind, space)
        filled = b"ab    " if padding == h5py.h5t.STR_SPACEPAD else b"ab\0\0\0\0"
        attribute.write(np.array(filled, "S6"), mtype=kind)

    assert read(written(fill)).attributes == {"": {"name": expected}}


@pytest.mark.parametrize("libver", FORMATS)
def test_soft_and_external_links_are_told_and_not_followed(libver):
    def fill(file):
        file["soft"] = h5py.SoftLink("/some/where")
        file["group/external"] = h5py.ExternalLink("/etc/other.h5", "/weights")

    tree = read(written(fill, libver))
    assert set(tree.links) == {
        Link("soft", "soft", "/some/where"),
        Link("group/external", "external", "/etc/other.h5:/weights"),
    }
    assert (tree.groups, tree.datasets) == (("group",), {})


@pytest.mark.parametrize("libver", FORMATS)
def test_an_object_of_several_names_has_the_first_and_circles_end(libver):
    def fill(file):
        file["b/dataset"] = np.zeros(3, "float32")
        file["c"] = file["b"]
        file["b/root"] = file["/"]
        file["b/self"] = file["b"]
        file["a"] = file["b/dataset"]

    tree = read(written(fill, libver))
    assert (tree.groups, list(tree.datasets)) == (("b",), ["a"])


@pytest.mark.parametrize("libver", FORMATS)
def test_data_that_is_elsewhere(libver):
    def fill(file):
        files = [("/etc/passwd", 0, 40), ("other.raw", 8, 40)]
        file.create_dataset("external", (20,), "float32", external=files)
        layout = h5py.VirtualLayout((4,), "float32")
        layout[:] = h5py.VirtualSource("other.h5", "weights", (4,))
        file.create_virtual_dataset("virtual", layout)

    # Virtual layouts are of the newest format whatever is asked for.
    assert read(written(fill, libver)).datasets == {
        "external": Dataset(
            "external", (20,), "float32", 80, None, "external", ("/etc/passwd", "other.raw")
        ),
        "virtual": Dataset("virtual", (4,), "float32", 16, None, "virtual"),
    }


@pytest.mark.parametrize("libver", FORMATS)
def test_what_was_never_written_takes_nothing(libver):
    def fill(file):
        file.create_dataset("contiguous", (1_000_000, 1_000_000), "float32")
        file.create_dataset("chunked", (1_000_000, 1_000_000), "float32", chunks=(10, 10))
        file.create_dataset("nothing", data=h5py.Empty("float32"))
        file.create_dataset("scalar", (), "int64")

    found = read(written(fill, libver)).datasets
    declared = {path: dataset.declared for path, dataset in found.items()}
    assert declared == {"contiguous": 4 * 10**12, "chunked": 4 * 10**12, "nothing": 0, "scalar": 8}
    assert [dataset.stored for dataset in found.values()] == [0, 0, 0, 0]


# Chunks of 7 × 7 doubles in 20 × 20: 3 × 3 of them, each whole.
INDEXES = {
    "single": {"chunks": (20, 20)},
    "fixed": {"chunks": (7, 7)},
    "extensible": {"chunks": (7, 7), "maxshape": (None, 20)},
    "tree": {"chunks": (7, 7), "maxshape": (None, None)},
}


@pytest.mark.parametrize("libver", FORMATS)
@pytest.mark.parametrize("index", INDEXES)
def test_chunks_by_every_index(libver, index):
    def fill(file):
        file.create_dataset("a", data=np.zeros((20, 20)), **INDEXES[index])

    (dataset,) = read(written(fill, libver)).datasets.values()
    assert dataset.stored == (8 * 20 * 20 if index == "single" else 9 * 8 * 7 * 7)


@pytest.mark.parametrize("libver", FORMATS)
@pytest.mark.parametrize("index", ["single", "fixed", "tree"])
def test_compressed_chunks_by_every_index(libver, index):
    def fill(file):
        values = np.arange(20 * 20.0).reshape(20, 20)
        file.create_dataset("a", data=values, compression="gzip", **INDEXES[index])

    tree, said = assert_as_h5py_says(written(fill, libver))
    assert tree.datasets["a"].stored == said.stored["a"]


@pytest.mark.parametrize("written_at", [0, 3000, 4999])
def test_a_fixed_array_in_pages_of_which_some_were_written(tmp_path, written_at):
    # In memory h5py leaves off the pages at the end that were never written.
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("a", (5000,), "float64", chunks=(1,))[written_at] = 1.0
    assert read(path.read_bytes()).datasets["a"].stored == 8


def test_chunks_that_are_all_there_from_the_start():
    def fill(file):
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((7, 7))
        plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        space = h5py.h5s.create_simple((20, 20))
        h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F64LE, space, plan)

    assert read(written(fill, "latest")).datasets["a"].stored == 9 * 8 * 7 * 7


@pytest.mark.parametrize("libver", FORMATS)
def test_compact_data(libver):
    def fill(file):
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_layout(h5py.h5d.COMPACT)
        h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3, 2)), plan)

    expected = Dataset("a", (3, 2), "float32", 24, 24, "compact")
    assert read(written(fill, libver)).datasets == {"a": expected}


@pytest.mark.parametrize("libver", FORMATS)
def test_datatypes_as_keras_spells_them(libver):
    def fill(file):
        file.create_dataset("bfloat16", data=np.zeros(3, "V2")).attrs["dtype"] = "bfloat16"
        file.create_dataset("float8", data=np.zeros(3, "V1")).attrs["dtype"] = "float8_e4m3fn"
        file.create_dataset("bool", data=[True, False])
        file.create_dataset("variable", data=["a", "bc"])
        file.create_dataset("fixed", data=np.array([b"a", b"bc"]))
        file.create_dataset("compound", (2,), np.dtype([("a", "f4"), ("b", "i8")]))
        file.create_dataset("enum", (2,), h5py.enum_dtype({"A": 0, "B": 5}, "int16"))
        file.create_dataset("ragged", (2,), h5py.vlen_dtype("float32"))
        file["type"] = np.dtype("float32")
        file.create_dataset("committed", (2,), file["type"])

    spelled = {p: (d.dtype, d.declared) for p, d in read(written(fill, libver)).datasets.items()}
    assert spelled == {
        "bfloat16": ("bfloat16", 3 * 2),
        "float8": ("float8_e4m3fn", 3),
        "bool": ("bool", 2),
        "variable": ("string", 2 * 16),
        "fixed": ("string", 2 * 2),
        "compound": ("compound", 2 * 12),
        "enum": ("int16", 2 * 2),
        "ragged": ("vlen", 2 * 16),
        "committed": ("float32", 2 * 4),
    }


def test_floats_of_eight_and_sixteen_bits_that_hdf5_describes_itself():
    def fill(file):
        layouts = {"bfloat16": (16, 8, 7), "float8_e4m3fn": (8, 4, 3), "float8_e5m2": (8, 5, 2)}
        for name, (bits, exponent, mantissa) in layouts.items():
            kind = h5py.h5t.IEEE_F32LE.copy()
            kind.set_fields(bits - 1, mantissa, exponent, 0, mantissa)
            kind.set_size(bits // 8)
            h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple((4,)))

    found = read(written(fill)).datasets
    assert {path: dataset.dtype for path, dataset in found.items()} == {p: p for p in found}
    assert len(found) == 3


def test_names_are_kept_as_they_are_and_made_printable_where_they_are_no_text():
    def fill(file):
        h5py.h5g.create(file.id, b"caf\xe9")
        file.create_group("..")
        file.create_group("line\nbreak")

    assert read(written(fill)).groups == ("..", "caf\\xe9", "line\nbreak")


def deep(levels):
    return written(lambda file: file.create_group("/".join(["g"] * levels)))


def test_the_limits_of_depth_objects_and_texts():
    assert len(read(deep(64)).groups) == 64
    with pytest.raises(LimitError, match=r"nested at most 64 deep \(depth\)"):
        read(deep(65))
    with pytest.raises(LimitError, match=r"at most 5 objects"):
        read(deep(6), Limits(objects=5))
    with pytest.raises(LimitError, match=r"at most 2,000 bytes \(attribute_bytes\)"):
        read(
            written(lambda file: file.attrs.update(config="x" * 3000)), Limits(attribute_bytes=2000)
        )
    with pytest.raises(LimitError, match=r"within 1,000 bytes \(read_bytes\)"):
        read(deep(6), Limits(read_bytes=1000))


@pytest.mark.parametrize("data", [b"", b"\x89HDF", b"PK\x03\x04" * 500])
def test_what_is_no_hdf5(data):
    with pytest.raises(MalformedError, match="expected an HDF5 file"):
        read(data)


def test_a_file_that_is_cut_short():
    data = deep(3)
    with pytest.raises(MalformedError, match=rf"expected {len(data):,} bytes in the file"):
        read(data[:-1])
