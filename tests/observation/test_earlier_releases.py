"""Files that earlier releases wrote, audited: what their own Keras counts, and no finding.

`tests/cases/files/make.py` makes them; none of those releases is needed here.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import pytest

import kerasaudit as ka

FILES = Path(__file__).parents[1] / "cases" / "files"
RELEASES = sorted(path.stem for path in FILES.glob("*.zip"))


@pytest.fixture(scope="module", params=RELEASES)
def release(request, tmp_path_factory):
    """The folder with a release's files."""
    folder = tmp_path_factory.mktemp(request.param)
    with zipfile.ZipFile(FILES / f"{request.param}.zip") as archive:
        archive.extractall(folder)
    return folder


def said(folder, name):
    """What that Keras says of a model."""
    return json.loads((folder / "counts.json").read_text("utf-8"))["models"][name]


def test_there_are_files_of_several_releases():
    assert {"keras-3.0.5", "keras-3.3.3", "keras-3.6.0", "keras-3.8.0"} <= set(RELEASES)
    assert any(name.startswith("tf-keras-2") for name in RELEASES)


@pytest.mark.parametrize("form", ["keras", "h5", "weights.h5"])
@pytest.mark.parametrize("name", ["net", "line"])
def test_counts_are_those_of_the_release(release, name, form):
    path = release / f"{name}.{form}"
    if release.name.startswith("keras-3.0.5") and form == "h5":
        return  # of it below
    audit = ka.audit(path, against=release / f"{name}.keras" if form == "weights.h5" else None)
    expected = said(release, name)
    assert audit.findings == ()
    totals = audit.totals
    assert totals.derived == totals.stored == expected["total"]
    rows = {row.path: row for row in audit.layers if row.class_name != "InputLayer"}
    layers = {path: one for path, one in expected["layers"].items() if path in rows}
    assert len(layers) == len(rows)
    for path, one in layers.items():
        assert rows[path].derived == rows[path].stored == one["count"], path
        shapes = [list(weight.stored_shape) for weight in rows[path].weights]
        assert sorted(shapes) == sorted(one["shapes"]), path
        assert [weight.shape for weight in rows[path].weights] == [
            weight.stored_shape for weight in rows[path].weights
        ]
    if form == "keras":
        assert totals.optimizer_state == expected["optimizer"]


def test_every_shape_adds_up(release):
    for name in ("net", "line"):
        for one in said(release, name)["layers"].values():
            assert sum(map(math.prod, one["shapes"])) == one["count"]


def test_the_release_is_named(release):
    version = json.loads((release / "counts.json").read_text("utf-8"))["version"]
    assert version in ka.audit(release / "line.keras").versions["written by"]


def unpacked(tmp_path, release, name):
    with zipfile.ZipFile(FILES / f"{release}.zip") as archive:
        return Path(archive.extract(name, tmp_path))


def test_a_model_in_a_model_in_a_legacy_file_of_keras_3_0_names_no_layer(tmp_path):
    """Such a weight is called "kernel" and nothing more: it is listed, and not paired by guess."""
    audit = ka.audit(unpacked(tmp_path, "keras-3.0.5", "line.h5"))
    assert audit.status == "incomplete"
    found = [(one.code, one.path, one.difference) for one in audit.findings]
    kernel, bias = 3 * 4, 4
    assert found == [
        ("KA102", "middle/dense", -kernel),
        ("KA102", "middle/dense", -bias),
        ("KA113", "middle", None),
    ]
    (row,) = [row for row in audit.layers if row.path == "middle"]
    assert row.stored == kernel + bias


def test_functions_that_became_layers_are_said_not_to_be_derived(tmp_path):
    audit = ka.audit(unpacked(tmp_path, "tf-keras-2.18", "functions.h5"))
    assert audit.status == "incomplete"
    assert [(one.code, one.path) for one in audit.findings] == [
        ("KA108", "tf.math.multiply"),
        ("KA110", "head"),
    ]
    stored = {row.path: row.stored for row in audit.layers}
    assert (stored["dense"], stored["head"]) == (3 * 2 + 2, 2 * 4 + 4)
