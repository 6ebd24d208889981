"""Targets: what each form names, and one clear line for each that names nothing."""

from __future__ import annotations

import json
import sys
import textwrap

import pytest

import kerasaudit as ka
from kerasaudit.observation.target import resolve

BUILDERS = """
    import keras
    from kerasaudit import Claim, builder

    @builder(source="a lecture", claims=[Claim("out", "4 × 2 + 2 = 10")])
    def tiny():
        "A tiny net."
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")])

    @builder(source="another lecture", name="renamed")
    def other():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])

    def plain(units=2):
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])

    def needs(units):
        return plain(units)

    def raises():
        raise RuntimeError("no\\nway")

    def returns_none():
        return None

    def exits():
        raise SystemExit(0)

    def skips():
        import pytest
        pytest.skip("not on this machine")

    class Strange:
        def __getattr__(self, name):
            raise ImportError(name)

    strange = Strange()
    number = 3
"""
CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
            {"class_name": "Dense", "config": {"name": "out", "units": 2}},
        ],
    },
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A user's project: builders in two files, a config, and a JSON that is none."""
    (tmp_path / "nets" / "deep").mkdir(parents=True)
    (tmp_path / "nets" / "first.py").write_text(textwrap.dedent(BUILDERS))
    (tmp_path / "nets" / "deep" / "second.py").write_text(
        "from kerasaudit import builder\n"
        "@builder(source='s')\n"
        "def second():\n"
        "    import keras\n"
        "    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(5)])\n"
    )
    (tmp_path / "nets" / "_private.py").write_text("raise RuntimeError('never imported')\n")
    (tmp_path / "nets" / "net.json").write_text(json.dumps(CONFIG))
    (tmp_path / "nets" / "notes.json").write_text('{"a": 1}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def targets(target, **arguments):
    return [subject.target for subject in resolve(target, **arguments)]


def test_a_folder_names_its_builders_and_configs_in_a_stable_order(project):
    assert targets("nets") == [
        "nets/deep/second.py::second",
        "nets/first.py::tiny",
        "nets/first.py::renamed",
        "nets/net.json",
    ]


def test_a_file_names_its_marked_builders(project):
    assert targets("nets/first.py") == ["nets/first.py::tiny", "nets/first.py::renamed"]
    subject = next(resolve("nets/first.py"))
    assert (subject.name, subject.source, subject.summary) == ("tiny", "a lecture", "A tiny net.")


def test_a_function_of_a_file_needs_no_mark(project):
    audit = ka.audit("nets/first.py::plain", arguments={"units": 7})
    assert audit.totals.params == 4 * 7 + 7


def test_a_callable_of_a_module(project, monkeypatch):
    (project / "mymodels.py").write_text(textwrap.dedent(BUILDERS))
    monkeypatch.syspath_prepend(str(project))
    assert ka.audit("mymodels:tiny").ok
    sys.modules.pop("mymodels")


def test_a_config_file_and_a_config_are_audited_without_keras_loading_it(project):
    assert ka.audit("nets/net.json").totals.params == 4 * 2 + 2
    assert ka.audit(CONFIG).totals.params == 4 * 2 + 2


def test_a_glob(project):
    assert targets("nets/*.py")[:1] == ["nets/first.py::tiny"]


def test_the_zoo():
    assert targets("zoo:cnn_coding") == ["zoo:cnn_coding"]
    assert {"zoo:cnn_coding", "zoo:ResNet50"} <= set(targets("zoo:"))


def test_a_file_is_imported_once(project):
    (project / "once.py").write_text(
        "import kerasaudit as ka\n"
        "from kerasaudit import builder\n"
        "@ka.rule('once>Layer')\n"
        "def layer_rule(layer, x):\n"
        "    return ka.Derivation(output_shape=x, macs=0)\n"
        "@builder(source='s')\n"
        "def one():\n"
        "    import keras\n"
        "    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(5)])\n"
    )
    assert targets("once.py") == targets("once.py")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere", "no such file or folder"),
        ("nowhere.py", "no such file or folder"),
        ("nowhere.py::f", "nowhere.py: no such file"),
        ("nets/first.py::missing", "it has: tiny, renamed"),
        ("nets/first.py::number", "no such builder"),
        ("nets/first.py::raises", "the builder raised RuntimeError: no way (first.py, line"),
        ("nets/first.py::exits", "the builder raised SystemExit: 0"),
        ("nets/first.py::skips", "the builder raised Skipped: not on this machine"),
        ("nets/first.py::Strange", "no such builder"),
        ("x" * 300, "expected the name of a target"),
        ("keras:Model", "has no callable 'Model'"),
        ("nets/first.py::returns_none", "must return a Keras model, received NoneType"),
        ("nets/first.py::needs", "missing 1 required positional argument: 'units'"),
        ("nets/notes.json", "expected the config of a Keras model"),
        ("broken.json", "expected a model's config as JSON"),
        ("broken.py", "it raised SyntaxError"),
        ("lacking.py", "No module named 'not_installed_anywhere'"),
        ("exits.py", "it raised SystemExit"),
        ("skips.py", "it raised Skipped: could not import 'not_installed_anywhere'"),
        ("no.such.module:f", "No module named 'no'"),
        ("json:nothing", "has no callable 'nothing'"),
        ("zoo:lenet6", "did you mean lenet5"),
        ("model.keras", "expected a zip archive, an HDF5 file or a config as JSON"),
        ("empty", "no builder and no model file"),
        ("none/*.py", "no file with a model matches"),
        ("notes.txt", "expected a model file, received an empty one"),
    ],
)
def test_what_names_nothing_gets_one_clear_line(project, target, words):
    (project / "broken.json").write_text("{")
    (project / "broken.py").write_text("def (:\n")
    (project / "lacking.py").write_text("import not_installed_anywhere\n")
    (project / "exits.py").write_text("raise SystemExit(3)\n")
    (project / "skips.py").write_text(
        "import pytest\npytest.importorskip('not_installed_anywhere')\n"
    )
    (project / "model.keras").write_bytes(b"PK")
    (project / "notes.txt").write_text("")
    (project / "empty").mkdir()
    (failure,) = ka.audit_all([target])
    assert isinstance(failure, ka.Failure)
    assert words in failure.message
    assert "\n" not in failure.message
    assert target.split("::")[0] in failure.message or target in failure.target


def test_the_empty_name_names_nothing(project):
    (failure,) = ka.audit_all([""])
    assert failure.message == "expected the name of a target, received ''"


def test_one_bad_target_takes_no_other_with_it(project):
    results = list(
        ka.audit_all(["nets/first.py::tiny", "nowhere", "nets/first.py::raises", "nets/net.json"])
    )
    assert [type(result).__name__ for result in results] == ["Audit", "Failure", "Failure", "Audit"]


def test_one_bad_file_of_a_folder_takes_no_other_with_it(project):
    (project / "nets" / "broken.py").write_text("def (:\n")
    for target in ("nets", "nets/**/*.*"):
        results = list(ka.audit_all([target]))
        failures = [result for result in results if isinstance(result, ka.Failure)]
        assert "nets/broken.py" in [failure.target for failure in failures]
        assert len(results) - len(failures) == 4


def test_what_is_no_target():
    for value in (3, None, object(), ka.Audit):
        with pytest.raises(ka.TargetError, match="expected a Keras model"):
            ka.audit(value)


def test_a_name_for_several_models_is_refused_where_one_is_expected(project):
    with pytest.raises(ka.TargetError, match="expected the name of one model, received 4"):
        ka.audit("nets")


def test_an_input_shape_that_does_not_fit():
    with pytest.raises(ka.ShapeError, match=r"fits \(None, 4\), received \(None, 5\)"):
        ka.audit(CONFIG, input_shape=(None, 5))


def test_a_config_that_is_too_large_is_refused(tmp_path):
    from kerasaudit.config import Limits

    path = tmp_path / "big.json"
    path.write_text(json.dumps(CONFIG))
    with pytest.raises(ka.TargetError, match="at most 10 bytes"):
        ka.audit(path, limits=Limits(config_bytes=10))


def test_a_config_that_is_nested_beyond_reading_is_refused(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ka.TargetError, match=r"deep\.json"):
        ka.audit(str(path))


def test_a_folder_has_its_model_files_and_unzipped_models_each_once(tmp_path):
    import zipfile

    from tests.observation.mutations import originals

    for name, data in originals().items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "other.json").write_text('{"a": 1}')
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        archive.extractall(tmp_path / "unzipped" / "deep")
    audits = list(ka.audit_all([tmp_path]))
    found = {audit.target.removeprefix(f"{tmp_path.as_posix()}/"): audit.status for audit in audits}
    assert found == {
        "net.h5": "ok",
        "net.json": "ok",
        "net.keras": "ok",
        "net.weights.h5": "incomplete",
        "unzipped/deep": "ok",
    }
