"""Each hazard on its own, in what the readers give: found, and not found in what is next to it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from dataclasses import replace

import pytest

from kerasaudit.observation import hazards
from kerasaudit.observation.contents import Contents, Dataset, Link, Member, Tree
from kerasaudit.reconciliation.findings import every_kind
from tests.observation.hostile import making
from tests.observation.hostile.configs import CARRYING

MIB = 1024 * 1024


def found(config=None, form="keras", **contents):
    contents = Contents("model", form, json.loads(json.dumps(config)), **contents)
    return hazards.inspect(contents)


def codes(*arguments, **contents):
    return [one.code for one in found(*arguments, **contents)]


def dataset(declared=48, stored=48, **changes):
    given = {"path": "vars/0", "shape": (4, 3), "dtype": "float32", **changes}
    return Dataset(declared=declared, stored=stored, **given)


def arrays(*datasets):
    return Tree(datasets={f"vars/{i}": one for i, one in enumerate(datasets)})


@pytest.mark.parametrize(
    ("config", "expected"), [case[1:3] for case in CARRYING], ids=[case[0] for case in CARRYING]
)
def test_what_a_config_carries_is_found_and_nothing_else(config, expected):
    of_files = {code for code in expected if code.startswith("KA3")}
    assert set(codes(config)) == of_files
    assert set(codes(config, "json")) == of_files
    # A legacy file has no modules, and what is in it is no less found.
    assert set(codes(config, "h5")) == of_files - {"KA303"}


def test_the_small_model_of_these_tests_is_clean():
    assert found(making.model()) == ()
    assert found(making.legacy_model(), "h5") == ()
    assert found(making.legacy_model(), "json") == ()


def test_a_finding_names_the_layer_by_its_path():
    bad = making.named("Lambda", "bad", function=making.function("abs"))
    inner = making.sequential(bad, name="inner", first=making.inputs(3))
    outer = making.sequential(making.dense(), inner, name="outer")
    (one,) = found(making.sequential(outer))
    assert one.path == "outer/inner/bad"
    assert "config/config/layers/1/config/layers/2/config/layers/1" in one.message


def test_what_a_wrapper_holds_is_of_the_wrapper():
    bad = making.named("Lambda", "bad", function=making.function("abs"))
    (one,) = found(making.sequential(making.named("TimeDistributed", "each", layer=bad)))
    assert one.path == "each"


def test_what_is_of_no_layer_is_of_the_file():
    bad = making.node("__lambda__", {"code": "4w=="}, None)
    assert [one.path for one in found(making.compiled(making.model(), loss=bad))] == ["file"]
    of_the_file = found(making.legacy_model(), "h5", compiled={"loss": bad})
    assert [one.path for one in of_the_file] == ["file"]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("math.add", []),
        ("nn.relu", []),
        ("reshape", []),
        ("compat.v1.nn.relu", []),
        ("__operators__.getitem", []),
        ("io.read_file", ["KA302"]),
        ("io.write_file", ["KA302"]),
        ("raw_ops.ReadFile", ["KA302"]),
        ("py_function", ["KA302"]),
        ("compat.v1.py_func", ["KA302"]),
        ("mathx.add", ["KA302"]),
        (7, ["KA302"]),
    ],
)
def test_an_operation_of_tensorflow_may_compute(operation, expected):
    layer = {"class_name": "TFOpLambda", "config": {"name": "op", "function": operation}}
    assert codes(making.legacy_model(layer), "h5") == expected


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("keras.layers", []),
        ("keras.src.layers.core.dense", []),
        ("tf_keras.src.layers.core.dense", []),
        ("keras.layers.core.dense", []),
        ("keras", ["KA302"]),
        ("layers.core.dense", ["KA302"]),
        ("keras.src", ["KA302"]),
        ("keras..layers", ["KA302"]),
        ("keras.layers.", ["KA302"]),
        ("Keras.layers", ["KA302"]),
        ("", ["KA302"]),
        (None, ["KA302"]),
        (["keras.layers"], ["KA302"]),
    ],
)
def test_a_module_is_compared_whole(module, expected):
    assert codes(making.sequential(making.dense() | {"module": module})) == expected


def test_a_slash_is_refused_in_a_layer_of_keras_3_only():
    layer = {"class_name": "Dense", "config": {"name": "conv1/bn", "units": 3}}
    assert codes(making.legacy_model(layer), "h5") == []
    of_keras_3 = making.model(making.dense("conv1/bn"))
    assert codes(of_keras_3) == ["KA318"]
    assert codes(of_keras_3, metadata={"keras_version": "3.15.1"}) == ["KA318"]
    # tf-keras has them: MobileNetV3 is full of them.
    assert codes(of_keras_3, metadata={"keras_version": "2.20.1"}) == []
    assert codes({**of_keras_3, "keras_version": "2.15.0"}, "json") == []


def test_a_class_that_tf_keras_registers_as_a_users_is_its_own():
    scale = making.node(
        "LayerScale", {"name": "s"}, "tf_keras.src.applications.convnext",
        registered_name="Custom>LayerScale",
    )  # fmt: skip
    assert codes(making.model(scale)) == []
    assert codes(making.model(scale | {"registered_name": "shop>LayerScale"})) == ["KA302"]
    assert codes(making.model(scale | {"module": "shop.convnext"})) == ["KA302"]
    named_alone = {"class_name": "Custom>Adam", "config": {"name": "Adam"}}
    compiled = {"optimizer_config": named_alone}
    assert codes(making.legacy_model(), "h5", compiled=compiled) == []
    named_alone["class_name"] = "Custom>Scale"
    assert codes(making.legacy_model(), "h5", compiled=compiled) == ["KA302"]


@pytest.mark.parametrize(
    "text", ["../x", "a\\b", "\x00", "a\x1b[2J", "\u202e", "\u2066x", "\ud800"]
)
def test_a_name_is_shown_in_letters_that_a_terminal_does_not_obey(text):
    places = {
        "config": making.sequential(making.dense(text)),
        "members": (Member(text, 1, 1),),
        "tree": Tree(groups=(text,), links=(Link(text, "soft", text),)),
    }
    several = found(**places)
    assert {"KA310", "KA318"} <= {one.code for one in several}
    assert all(one.message.isprintable() and one.path.isprintable() for one in several)


def test_long_names_are_cut():
    several = found(making.sequential(making.dense("x" * 100_000 + "\x00")))
    assert several
    assert all(len(one.message) <= 1000 and len(one.path) <= 500 for one in several)


@pytest.mark.parametrize(
    ("declared", "stored", "expected"),
    [
        (16 * MIB, 0, []),  # zeros that were never written, in a small model
        (16 * MIB + 1, 0, ["KA313"]),
        (16 * MIB + 1, None, ["KA313"]),
        (200 * MIB, 2 * MIB, []),  # a hundred times, packed
        (200 * MIB, 2 * MIB - 1, ["KA313"]),
        (2**66, 48, ["KA313"]),
    ],
)
def test_an_array_may_claim_a_hundred_times_what_is_stored(declared, stored, expected):
    assert codes(tree=arrays(dataset(declared, stored))) == expected
    packed = dataset(declared, stored, storage="chunked")
    assert codes(tree=arrays(packed)) == expected


def test_many_small_claims_are_added_up():
    small = [dataset(4 * MIB, 0)] * 5
    assert codes(tree=arrays(*small)) == ["KA313"]
    assert codes(tree=arrays(*small, dataset(MIB, MIB))) == []


@pytest.mark.parametrize(
    ("size", "stored", "expected"),
    [(16 * MIB, 1, []), (17 * MIB, 1, ["KA314"]), (200 * MIB, 2 * MIB, [])],
)
def test_a_member_may_claim_a_hundred_times_what_it_takes(size, stored, expected):
    member = Member("model.weights.h5", stored, size, compressed=True)
    assert codes(members=(member,)) == expected


def test_arrays_that_are_elsewhere():
    external = dataset(stored=None, storage="external", external=("/etc/passwd",))
    assert codes(tree=arrays(external, dataset(stored=None, storage="virtual"))) == [
        "KA311",
        "KA312",
    ]
    assert codes(tree=Tree(links=(Link("a", "external", "x.h5:/a"), Link("b", "soft", "/c")))) == [
        "KA309",
        "KA310",
    ]
    assert codes(tree=arrays(dataset(dtype="object"))) == ["KA321"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("assets/a/vocabulary.txt", []),
        ("/x", ["KA315", "KA317"]),
        ("assets/../x", ["KA315"]),
        ("assets/..\\x", ["KA315"]),
        ("c:x", ["KA315", "KA317"]),
        ("assets/a..b", []),
        ("config.json/", ["KA316", "KA317"]),
        ("Config.JSON", ["KA316", "KA317"]),
        ("a//b", ["KA317"]),
        ("model.weights.npz", ["KA317"]),
    ],
)
def test_members(name, expected):
    whole = ["metadata.json", "config.json", "model.weights.h5", name]
    assert codes(members=tuple(Member(each, 1, 1) for each in whole)) == expected


def test_a_thousand_of_one_hide_no_other():
    strange = tuple(Member(f"strange{i}", 1, 1) for i in range(10_000))
    lambda_layer = making.named("Lambda", "f", function=making.function("abs"))
    several = found(making.model(lambda_layer), members=strange)
    assert len(several) <= 10_001
    assert several[0].code == "KA301"
    assert several[-1].code == "KA351"
    assert several[-1].incomplete
    listed, left = len(several) - 1, int(several[-1].message.split()[0].replace(",", ""))
    assert listed + left == 10_001


def test_what_could_not_be_read_is_incomplete():
    (one,) = found(problems=("the tree ends early",))
    assert (one.code, one.message, one.incomplete) == ("KA350", "the tree ends early", True)


def test_every_kind_is_explained_and_every_module_is_found():
    expected = {f"KA{number}" for number in (*range(301, 322), 350, 351)}
    assert set(hazards.KINDS) == expected
    assert expected <= set(every_kind())
    assert all(kind.documentation and kind.why and kind.remedy for kind in hazards.KINDS.values())
    helpers = {"hazard", "known", "keras_api"}
    for module in {module.name for module in pkgutil.iter_modules(hazards.__path__)} - helpers:
        assert importlib.import_module(f"{hazards.__name__}.{module}").KINDS, module


def test_keras_is_not_imported():
    code = (
        "import sys; from kerasaudit.observation import hazards; "
        "print(sorted({'keras', 'numpy', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_class_that_whoever_audits_has_a_rule_for_is_known_to_them():
    node = {"module": None, "class_name": "Scale", "config": {}, "registered_name": "mine>Scale"}
    config = {"module": "keras", "class_name": "Sequential", "registered_name": None}
    contents = Contents("net.json", "json", {**config, "config": {"name": "n", "layers": [node]}})
    assert {one.code for one in hazards.inspect(contents)} == {"KA302"}
    assert hazards.inspect(replace(contents, with_rules=frozenset({"mine>Scale"}))) == ()
    assert hazards.inspect(replace(contents, with_rules=frozenset({"yours>Scale"}))) != ()
