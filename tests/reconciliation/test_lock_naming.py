"""Which file holds whose lock: one for each target, on every file system."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.reconciliation.lock.naming import is_under, lock_file, recorded_target

TARGETS = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="aAbB./:_-~ \\", max_size=12),
    st.lists(st.sampled_from(["a", "A", "aux", "..", ".", "a.py", "zoo", "con.py", "x" * 90]))
    .map("/".join)
    .flatmap(lambda file: st.sampled_from(["", "::b", "::B", ":b", ".keras"]).map(file.__add__)),
)


@settings(max_examples=300)
@given(TARGETS)
def test_a_lock_lies_in_its_folder_and_is_a_file_everywhere(target):
    name = lock_file(target)
    path = os.path.normpath(name)
    assert path == name
    assert not path.startswith(("..", "/"))
    for segment in name.split("/"):
        assert re.fullmatch(r"[A-Za-z0-9_+.-]{1,100}", segment)
        assert not segment.endswith(".")
        assert segment.partition(".")[0].lower() not in ("con", "aux", "nul", "prn", "com1")


@settings(max_examples=500)
@given(TARGETS, TARGETS)
def test_two_targets_have_two_files_also_where_case_is_ignored(one, other):
    if one != other:
        assert lock_file(one).casefold() != lock_file(other).casefold()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("models/net.py::net", "models/Net.py::net"),
        ("models/net.py::net", "models/net.py::Net"),
        ("zoo:net", "zoo/net"),
        ("a.b:net", "a.b::net"),
        ("a.py:net", "a.py::net"),
        ("a b.keras", "a_b.keras"),
        ("runs/a.keras", "runs\\a.keras"),
    ],
)
def test_targets_that_are_nearly_the_same(one, other):
    assert lock_file(one).casefold() != lock_file(other).casefold()


def test_names_can_be_read():
    assert lock_file("models/lenet5.py::lenet5") == "models/lenet5.py/lenet5.json"
    assert lock_file("zoo:vgg16") == "zoo/vgg16.json"
    assert lock_file("package.module:build") == "package.module/build.json"
    assert lock_file("runs/best.weights.h5") == "runs/best.weights.h5.json"
    assert re.fullmatch(r"https/host/m\.keras-[0-9a-f]{8}\.json", lock_file("https://host/m.keras"))


def test_a_target_is_the_same_wherever_it_is_named_from(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    here = recorded_target("models/net.py::net", Path("audits"))
    assert here == "models/net.py::net"
    assert recorded_target(f"{tmp_path}/models/net.py::net", Path("audits")) == here
    assert recorded_target("./models/../models/net.py::net", tmp_path / "audits") == here
    monkeypatch.chdir(tmp_path / "models")
    assert recorded_target("net.py::net", Path("../audits")) == here
    assert recorded_target("net.py::net", Path("/elsewhere/audits")) == "net.py::net"
    assert recorded_target("/nowhere/net.py::net", Path("audits")) == "net.py::net"
    assert recorded_target("package.module:build", Path("audits")) == "package.module:build"


@pytest.mark.parametrize(
    ("recorded", "named", "expected"),
    [
        ("models/net.py::net", "models", True),
        ("models/net.py::net", ".", True),
        ("models/net.py::net", "models/net.py", True),
        ("models/net.py::net", "models/net.py::net", True),
        ("models/net.py::net", "models/net.py::other", False),
        ("models/net.py::net", "model", False),
        ("models/net.py::net", "models/n", False),
        ("runs/a.keras", "runs/*.keras", True),
        ("runs/b/a.keras", "runs/*.keras", False),
        ("runs/b/a.keras", "runs/**/*.keras", True),
        ("runs/a.keras", "runs/**/*.keras", True),
        ("runs/b/c/a.keras", "runs/**", True),
        ("runs/b/net.py::net", "runs/*", True),
        ("zoo:net", "zoo:", True),
        ("zoo:net", ".", False),
        ("package.module:net", "package.module:net", True),
        ("package.module:net", "package.module:other", False),
        ("https/host", "https://host", False),
    ],
)
def test_what_a_target_names(recorded, named, expected):
    assert is_under(recorded, named) is expected
