"""The pytest plugin as a project meets it: what is collected, what fails and how it says so."""

from __future__ import annotations

import os
from xml.etree import ElementTree

import pytest

# What a run inside this process imports must be there before it, to be there after it.
import rich.console
import rich.table  # noqa: F401 - see above

import kerasaudit.pytest_plugin.asserting
import kerasaudit.pytest_plugin.collection
import kerasaudit.pytest_plugin.summary  # noqa: F401 - see above
from kerasaudit.derivation.rule import load_rules
from tests.plugged import (
    CONV,
    CONV_MACS,
    DENSE,
    DENSE_MACS,
    ROOT,
    UNSET,
    conv,
    dense,
    flat,
    installed,
    net,
    unknown,
    write,
    write_mismatch,
    write_release,
)

pytest_plugins = "pytester"
load_rules()


@pytest.fixture
def project(pytester, tmp_path_factory, monkeypatch):
    """A project's folder; the plugin is found by its entry point."""
    folder = installed(tmp_path_factory.mktemp("installed"))
    monkeypatch.syspath_prepend(folder)
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    paths = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("COLUMNS", "80")
    return pytester


def ini(project, *lines):
    project.makefile(".ini", pytest="\n".join(["[pytest]", *lines]))


def ids(result):
    """The ids that a quiet --collect-only prints."""
    return [line for line in result.outlines if "::" in line and not line.startswith("ERROR")]


# -- what is collected ---------------------------------------------------------------------------


def test_files_become_a_test_for_each_layer_with_weights_and_one_for_the_rest(project):
    write(project.path / "zoo" / "a.json", net(conv(), flat(), dense()))
    write_release(project.path / "zoo", "line.keras")
    write(project.path / "zoo" / "settings.json", {"not": "a model"})
    found = ids(project.runpytest("--collect-only", "-q", "--kerasaudit=zoo"))
    assert found == [
        *("zoo/a.json::conv", "zoo/a.json::dense", "zoo/a.json::model"),
        *("zoo/line.keras::separable", "zoo/line.keras::norm", "zoo/line.keras::gru"),
        *("zoo/line.keras::middle/dense", "zoo/line.keras::head", "zoo/line.keras::model"),
    ]


def test_weights_alone_are_tests_by_their_groups_and_an_unzipped_model_is_one(project):
    import zipfile

    write_release(project.path, "line.weights.h5")
    with zipfile.ZipFile(write_release(project.path / "packed", "line.keras")) as archive:
        archive.extractall(project.path / "unzipped")
    found = ids(project.runpytest("--co", "-q", "--kerasaudit=line.weights.h5"))
    assert len(found) > 1
    assert found[-1] == "line.weights.h5::model"
    assert ids(project.runpytest("--co", "-q", "--kerasaudit=unzipped")) == [
        f"unzipped::{name}"
        for name in ("separable", "norm", "gru", "middle/dense", "head", "model")
    ]


BUILDERS = """
raise SystemExit("collecting imports nothing")
import kerasaudit as ka
from kerasaudit import Claim as C, builder
from kerasaudit.zoo import builder as mark

@builder(source="s", claims=[
    C("conv", "3 + 1 = 4"), C("conv", 5), C("conv", 6, quantity="macs"), C(subject="total"),
])
def first(): ...

if True:
    @ka.zoo.builder(source="s", name="another", claims=[ka.Claim(s, 1) for s in "ab"])
    def second(): ...

@mark(source="s")
def third(): ...

def plain(): ...
"""


DRIFTED = """
import kerasaudit as ka
from kerasaudit import Claim

@ka.builder(source="s", claims=[Claim("total", 11)])
def net():
    import keras
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
"""


def test_builders_are_read_out_of_the_source(project):
    project.makepyfile(**{"models/nets": BUILDERS, "models/_private": BUILDERS})
    assert ids(project.runpytest("--collect-only", "-q", "--kerasaudit=models")) == [
        *("models/nets.py::first::layers", "models/nets.py::first::claims[conv]"),
        *("models/nets.py::first::claims[conv#2]", "models/nets.py::first::claims[conv-macs]"),
        *("models/nets.py::first::claims[total]", "models/nets.py::first::model"),
        *("models/nets.py::another::layers", "models/nets.py::another::claims"),
        *("models/nets.py::another::model", "models/nets.py::third::layers"),
        "models/nets.py::third::model",
    ]


def test_builders_that_only_running_the_file_tells_are_one_test(project):
    project.makepyfile(
        **{
            "models/nets": """
            from kerasaudit import builder

            def make(n):
                return builder(source="s", name=f"net{n}")(lambda: n)

            one = make(1)
            """
        }
    )
    found = ids(project.runpytest("--collect-only", "-q", "--kerasaudit=models"))
    assert found == ["models/nets.py::builders"]


def test_a_layer_named_as_another_test_keeps_a_name_of_its_own(project):
    names = ("model", "claims", "claims[x]", "odd\nname")
    write(project.path / "a.json", net(*(conv(name) for name in names)))
    assert ids(project.runpytest("--collect-only", "-q", "--kerasaudit=a.json")) == [
        *("a.json::layer[model]", "a.json::layer[claims]", "a.json::layer[claims[x]]"),
        *("a.json::odd\\x0aname", "a.json::model"),
    ]


def test_nothing_is_collected_unless_it_is_asked_for(project):
    write(project.path / "a.json", net(conv()))
    project.makepyfile(test_it="def test_it(): pass", nets=BUILDERS)
    result = project.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*kerasaudit ==*")


def test_the_ini_file_says_where_and_adds_it_to_the_tests(project):
    ini(project, "testpaths = tests", "kerasaudit_paths = zoo/*.json nets")
    write(project.path / "zoo" / "a.json", net(conv()))
    write(project.path / "elsewhere" / "b.json", net(conv()))
    project.makepyfile(**{"tests/test_it": "def test_it(): pass", "nets/nets": BUILDERS})
    found = ids(project.runpytest("--collect-only", "-q"))
    assert found[:3] == ["tests/test_it.py::test_it", "zoo/a.json::conv", "zoo/a.json::model"]
    assert any(one.startswith("nets/nets.py::first") for one in found)
    assert not any("elsewhere" in one for one in found)
    # Whoever names tests gets those; and an id of ours is one to name.
    assert ids(project.runpytest("--co", "-q", "tests")) == ["tests/test_it.py::test_it"]
    assert ids(project.runpytest("--co", "-q", "zoo/a.json::conv")) == ["zoo/a.json::conv"]
    named = ids(project.runpytest("--co", "-q", "nets/nets.py::first::claims"))
    assert len(named) == 4


def test_the_option_without_a_path_looks_where_pytest_looks(project):
    write(project.path / "zoo" / "a.json", net(conv()))
    project.makepyfile(nets=BUILDERS)
    found = ids(project.runpytest("--co", "-q", "zoo", "--kerasaudit"))
    assert found == ["zoo/a.json::conv", "zoo/a.json::model"]
    found = ids(project.runpytest("--co", "-q", "--kerasaudit"))
    assert "nets.py::first::layers" in found
    assert "zoo/a.json::conv" in found


def test_a_path_may_go_up_and_through_links(project, monkeypatch):
    write(project.path / "zoo" / "a.json", net(conv()))
    (project.path / "linked").symlink_to("zoo")
    (project.path / "deep").mkdir()
    ini(project)
    monkeypatch.chdir(project.path / "deep")
    found = ids(project.runpytest("--co", "-q", "--kerasaudit=../zoo", "--kerasaudit=../linked"))
    assert [one.rpartition("/")[2] for one in found] == ["a.json::conv", "a.json::model"] * 2


def test_a_path_that_holds_nothing_is_no_pass(project):
    (project.path / "empty").mkdir()
    write(project.path / "build" / "a.json", net(conv()))  # pytest does not recurse into build
    result = project.runpytest("--kerasaudit=empty")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["empty: no builder and no model file was collected there*"])
    ini(project, "kerasaudit_paths = build")
    project.runpytest().assert_outcomes(errors=1)
    for option in ("--kerasaudit=nowhere", "--kerasaudit=*.keras"):
        result = project.runpytest(option)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: --kerasaudit: *no such file or folder*"])


def test_an_option_that_would_do_nothing_is_refused(project):
    for option in ("--kerasaudit-locked", "--kerasaudit-update-locks", "--kerasaudit-exempt=a=b"):
        result = project.runpytest(option)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"ERROR: {option.partition('=')[0]}: expected --kerasaudit*"])


# -- what passes, fails, errs, is exempt ---------------------------------------------------------


def test_a_clean_file_passes_and_the_summary_says_what_was_audited(project):
    write(project.path / "a.json", net(conv(), flat(), dense()))
    saved = write_release(project.path, "line.keras")
    result = project.runpytest("--kerasaudit=a.json", f"--kerasaudit={saved.name}")
    result.assert_outcomes(passed=3 + 6)
    result.stdout.fnmatch_lines(["*= kerasaudit =*", "2 models audited: 2 ok"])
    line = next(line for line in result.outlines if line.startswith("parameters derived"))
    # SeparableConv1D 3·2 + 2·3 + 3, LayerNormalization 2·3, GRU 3·3·(3 + 3) + 2·9, Dense 3·4 + 4, 5
    trained = (3 * 2 + 2 * 3 + 3) + 2 * 3 + (3 * 3 * (3 + 3) + 2 * 9) + (3 * 4 + 4) + (4 + 1)
    total = CONV + DENSE + trained
    assert line == f"parameters derived: {total:,} of {total:,} (100 %)"


def test_a_mismatch_fails_its_layer_alone_and_shows_the_working_and_no_traceback(project):
    write_mismatch(project.path / "wrong.keras")
    result = project.runpytest("--kerasaudit=wrong.keras", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1, passed=5)
    text = result.stdout.str()
    # 4 inputs to the 2 units that the config has, and to the 1 that the file holds.
    assert f"d·u + u = 4·2 + 2 = {4 * 2 + 2}" in text
    assert f"file {4 * 1 + 1}" in text
    assert "KA101" in text
    assert "kerasaudit explain KA101" in text
    assert "wrong.keras::head" in text
    assert ".py" not in text
    shown = result.outlines[result.outlines.index("", 5) :]
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_under_ci_a_failure_is_summarised_in_a_line_too(project, monkeypatch, workers):
    """pytest shortens the lines of its summary except under CI: there they are whole."""
    monkeypatch.setenv("CI", "true")
    write_mismatch(project.path / "wrong.keras")
    project.makepyfile(nets=DRIFTED)
    arguments = ("--kerasaudit=nets.py", "--kerasaudit=wrong.keras", "--junitxml=report.xml")
    result = project.runpytest_subprocess(*arguments, "-p", "no:cacheprovider", *workers)
    result.assert_outcomes(failed=2, passed=7)
    start = next(n for n, one in enumerate(result.outlines) if "short test summary" in one)
    summary = [one for one in result.outlines[start:] if one.startswith("FAILED")]
    head = (
        f"KA101 layer 'head' (Dense): kernel is derived as d·u = 4·2 = {4 * 2}, "
        f"observed (4, 1) = {4 * 1}, difference {4 * 1 - 4 * 2} (and 1 more)"
    )
    total = f"KA201 claim on 'total': params claimed as 11, derived {4 * 2 + 2}"
    wanted = {
        f"FAILED wrong.keras::head - {head}",
        f"FAILED nets.py::net::claims[total] - {total}",
    }
    assert set(summary) == wanted
    assert len(result.outlines) == start + len(summary) + 2
    cases = ElementTree.parse(project.path / "report.xml").iter("failure")
    assert {case.get("message") for case in cases} == {head, total}


def test_what_cannot_be_audited_is_an_error_of_one_line(project):
    (project.path / "broken.keras").write_text("nonsense")
    project.makepyfile(nets="import kerasaudit\n\ndef (")
    result = project.runpytest("--kerasaudit=broken.keras", "--kerasaudit=nets.py", "-rN")
    result.assert_outcomes(errors=2)
    lines = [one for one in result.outlines if one.startswith(("broken.keras: ", "nets.py: "))]
    assert lines[0].startswith("broken.keras: expected a zip archive, an HDF5 file or a config")
    assert lines[1:] == ["nets.py: SyntaxError: invalid syntax (nets.py, line 3)"]
    assert "items.py" not in result.stdout.str()
    result.stdout.fnmatch_lines(["0 models audited; 2 could not be"])


def test_a_layer_without_a_rule_fails_unless_it_is_exempt(project):
    write(project.path / "zoo" / "a.json", net(conv(), unknown(), name="a"))
    write(project.path / "zoo" / "b.json", net(conv(), name="b"))
    result = project.runpytest("--kerasaudit=zoo")
    result.assert_outcomes(failed=1, passed=4)
    result.stdout.fnmatch_lines(
        ["*KA108 layer 'scale' (Scale): no rule*", "unsupported: zoo/a.json: scale (Scale)"]
    )
    waived = "zoo/a.json::scale=reviewed by hand"
    result = project.runpytest("--kerasaudit=zoo", f"--kerasaudit-exempt={waived}", "-rs")
    result.assert_outcomes(skipped=1, passed=4)
    result.stdout.fnmatch_lines(
        ["exempt: zoo/a.json: scale (reviewed by hand)", "SKIPPED*exempt: reviewed by hand"]
    )
    ini(project, "kerasaudit_paths = zoo", f"kerasaudit_exempt = {waived}")
    project.runpytest().assert_outcomes(skipped=1, passed=4)
    # A waiver that nothing needs is found, where it is for this model.
    result = project.runpytest("--kerasaudit-exempt=zoo/b.json::conv=why")
    result.assert_outcomes(skipped=1, passed=3, failed=1)
    result.stdout.fnmatch_lines(["*KA115 exempt 'conv'*"])
    bad = project.runpytest("--kerasaudit-exempt=zoo/b.json::conv")
    assert bad.ret == pytest.ExitCode.USAGE_ERROR


SETTINGS = f"""
[tool.kerasaudit.budgets."zoo/*"]
max_params = {CONV + DENSE}
max_macs = {CONV_MACS + DENSE_MACS - 1}

[tool.kerasaudit.budgets."zoo/*".layers."d*"]
max_params = "1k"

[tool.kerasaudit.exempt."zoo/a.json"]
gone = "was reviewed"

[tool.kerasaudit.severity]
KA502 = "warning"
"""


def test_budgets_waivers_and_severities_are_those_of_the_settings(project):
    project.makefile(".toml", pyproject=SETTINGS)
    write(project.path / "zoo" / "a.json", net(conv(), flat(), dense()))
    result = project.runpytest("--kerasaudit=zoo", "-v")
    states = dict(line.split()[:2] for line in result.outlines if line.startswith("zoo/a.json::"))
    assert states == {
        "zoo/a.json::conv": "PASSED",
        "zoo/a.json::dense": "PASSED",
        "zoo/a.json::model": "FAILED",  # of the waiver
        "zoo/a.json::budgets[params]": "PASSED",
        "zoo/a.json::budgets[macs]": "FAILED",
        "zoo/a.json::budgets[d*-params]": "PASSED",  # a warning
    }
    result.stdout.fnmatch_lines(
        [
            "KA505 pyproject.toml *'gone'*",
            f"*{CONV_MACS + DENSE_MACS:,}, 1 over it*",
            f"warning: zoo/a.json: KA502 *{DENSE:,}*",
        ]
    )
    (project.path / "pyproject.toml").write_text("[tool.kerasaudit]\nbudget = 1\n")
    wrong = project.runpytest("--kerasaudit=zoo")
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["ERROR: kerasaudit: *there is no such setting*"])


NAMED = """
def test_named(audit_model):
    audit_model("zoo/a.json")

def test_given(audit_model):
    import json
    audit_model(json.load(open("zoo/a.json")), exempt={"scale": "reviewed in the test"})

def test_said_in_the_test(audit_model):
    import kerasaudit as ka
    audit_model("zoo/a.json", budgets=[ka.Budget("params", "1M", "conv")])
"""


def test_a_target_that_a_test_names_is_held_to_the_settings(project):
    write(project.path / "zoo" / "a.json", net(conv(), unknown()))
    project.makepyfile(test_it=NAMED)
    waived = '[tool.kerasaudit.exempt."zoo/*"]\nscale = "reviewed"\nother = "of another model"\n'
    budget = f'[tool.kerasaudit.budgets."*".layers.conv]\nmax_params = {CONV - 1}\n'

    project.makefile(".toml", pyproject="")
    project.runpytest("-k", "named or said").assert_outcomes(failed=2, deselected=1)
    project.makefile(".toml", pyproject=waived)
    project.runpytest().assert_outcomes(passed=3)
    project.makefile(".toml", pyproject=waived + budget)
    over = project.runpytest()
    over.assert_outcomes(passed=2, failed=1)
    over.stdout.fnmatch_lines(["FAILED test_it.py::test_named*", "*failed, 2 passed*"])
    assert f"layer 'conv' has {CONV}, 1 over it" in " ".join(
        over.stdout.str().replace("E ", "").split()
    )
    warned = f'{waived}{budget}[tool.kerasaudit.severity]\nKA502 = "warning"\n'
    project.makefile(".toml", pyproject=warned)
    project.runpytest().assert_outcomes(passed=3)


def test_a_waiver_of_a_target_that_a_test_names_must_be_needed(project):
    write(project.path / "zoo" / "a.json", net(conv()))
    project.makepyfile(test_it='def test_it(audit_model):\n    audit_model("zoo/a.json")\n')
    project.makefile(".toml", pyproject='[tool.kerasaudit.exempt."zoo/a.json"]\ngone = "why"\n')
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*KA505 pyproject.toml *'gone'*"])
    project.makefile(".toml", pyproject="[tool.kerasaudit]\nbudget = 1\n")
    wrong = project.runpytest()
    wrong.assert_outcomes(failed=1)
    wrong.stdout.fnmatch_lines(["*there is no such setting; did you mean 'budgets'*"])


def test_a_waiver_of_a_builder_that_is_made_when_the_file_is_run_must_be_needed(keras, project):
    project.makefile(".toml", pyproject='[tool.kerasaudit.exempt."nets.py::one"]\ngone = "why"\n')
    project.makepyfile(
        nets="""
        import keras
        from kerasaudit import builder

        def make(name):
            layers = [keras.Input((4,)), keras.layers.Dense(2)]
            return builder(source="s", name=name)(lambda: keras.Sequential(layers))

        one = make("one")
        """
    )
    result = project.runpytest("--kerasaudit=nets.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["KA505 pyproject.toml *'gone'*"])


def test_a_builder_that_skips_is_an_error_and_no_skip(keras, project):
    project.makepyfile(
        nets="""
        import pytest
        from kerasaudit import builder

        @builder(source="s")
        def net():
            pytest.skip("not on this machine")
        """
    )
    result = project.runpytest("--kerasaudit=nets.py", "-k", "model")
    result.assert_outcomes(errors=1, deselected=1)
    result.stdout.fnmatch_lines(["net: the builder raised Skipped: not on this machine*"])


def test_a_failure_is_no_longer_than_a_screen(project):
    write(project.path / "many.json", net(*(unknown(f"scale_{n}") for n in range(60))))
    project.makepyfile(
        """
        import json

        def test_many(audit_model):
            audit_model(json.load(open("many.json")))
        """
    )
    result = project.runpytest("-rN")
    result.assert_outcomes(failed=1)
    shown = [line for line in result.outlines if line.startswith("E ")]
    assert len(shown) <= 45
    assert any("lines more; audit.to_frame('findings') has all" in line for line in shown)


# -- locks ---------------------------------------------------------------------------------------


def test_models_are_held_against_their_locks(project):
    ini(project, "kerasaudit_paths = zoo", "kerasaudit_locked = true", "kerasaudit_locks = held")
    write(project.path / "zoo" / "a.json", net(conv(), flat(), dense(), name="a"))
    write(project.path / "zoo" / "b.json", net(conv(), name="b"))
    none = project.runpytest()
    none.assert_outcomes(passed=3 + 2 + 1, failed=2)
    none.stdout.fnmatch_lines(["KA512 a: no lock, expected held/zoo/a.json.json*"])
    written = project.runpytest("--kerasaudit-update-locks")
    written.assert_outcomes(passed=4 + 3 + 1)
    written.stdout.fnmatch_lines(["locks: 2 new", "new: held/zoo/a.json.json"])
    project.runpytest().assert_outcomes(passed=4 + 3 + 1)

    write(project.path / "zoo" / "a.json", net(conv(), flat(), dense(units=5), name="a"))
    (project.path / "zoo" / "b.json").unlink()
    drifted = project.runpytest()
    drifted.assert_outcomes(passed=3, failed=2)
    # A unit more: 26·26·8 weights of the kernel and 1 of the bias.
    grown = DENSE + 26 * 26 * 8 + 1
    drifted.stdout.fnmatch_lines(
        [
            "*zoo/a.json lock*",
            f"KA511 dense: units 4 → 5, params {DENSE:,} → {grown:,} (+{grown - DENSE:,})*",
            "  old  held/zoo/a.json.json *",
            "  new  zoo/a.json *",
            "*held orphans*",
            "KA514 held/zoo/b.json.json: a lock of 'zoo/b.json', which is no model*",
        ]
    )
    again = project.runpytest("--kerasaudit-update-locks")
    again.assert_outcomes(passed=5)
    again.stdout.fnmatch_lines(["locks: 1 changed, 1 removed"])
    project.runpytest().assert_outcomes(passed=5)


def test_of_some_models_alone_no_lock_is_an_orphan(project):
    ini(project, "kerasaudit_paths = zoo", "kerasaudit_locked = true")
    for name in ("a", "b"):
        write(project.path / "zoo" / f"{name}.json", net(conv(), name=name))
    project.runpytest("--kerasaudit-update-locks").assert_outcomes(passed=3 + 3 + 1)
    (project.path / "zoo" / "b.json").unlink()
    project.runpytest("zoo/a.json").assert_outcomes(passed=3)
    project.runpytest("zoo/a.json::lock").assert_outcomes(passed=1)
    project.runpytest("--kerasaudit=zoo/a.json", "zoo/a.json").assert_outcomes(passed=4)


def test_what_is_not_audited_in_full_is_not_locked(project):
    write(project.path / "a.json", net(conv(), unknown(), name="a"))
    (project.path / "broken.keras").write_text("nonsense")
    paths = ("--kerasaudit=a.json", "--kerasaudit=broken.keras")
    result = project.runpytest(*paths, "--kerasaudit-update-locks")
    result.assert_outcomes(passed=1 + 1 + 1, failed=1 + 1, errors=1)
    result.stdout.fnmatch_lines(["a.json: not locked, it is not audited in full: KA108 *"])
    assert not (project.path / "audits").exists()


# -- working with pytest and its plugins ---------------------------------------------------------


def test_selection_by_keyword_marker_and_last_failure(project):
    write(project.path / "a.json", net(conv(), unknown()))
    project.makepyfile(test_it="def test_it(): pass")
    ini(project, "kerasaudit_paths = a.json")
    project.runpytest("-k", "conv").assert_outcomes(passed=1, deselected=3)
    project.runpytest("-m", "not kerasaudit").assert_outcomes(passed=1, deselected=3)
    project.runpytest("-m", "kerasaudit", "--strict-markers").assert_outcomes(
        passed=2, failed=1, deselected=1
    )
    again = project.runpytest("--lf")
    again.assert_outcomes(failed=1)
    assert "a.json F" in again.stdout.str()


def test_the_last_failures_are_found_by_ids_with_brackets(project):
    project.makefile(".toml", pyproject='[tool.kerasaudit.budgets."*"]\nmax_params = 1\n')
    write(project.path / "a.json", net(conv("model")))
    project.runpytest("--kerasaudit=a.json").assert_outcomes(passed=2, failed=1)
    again = project.runpytest("--kerasaudit=a.json", "--lf", "-v")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["a.json::budgets?params? FAILED*"])


def test_junit_holds_every_test(project):
    write(project.path / "a.json", net(conv(), unknown()))
    project.runpytest("--kerasaudit=a.json", "--junitxml=report.xml")
    cases = ElementTree.parse(project.path / "report.xml").getroot().iter("testcase")
    by_name = {case.get("name"): case.find("failure") for case in cases}
    assert by_name.keys() == {"conv", "scale", "model"}
    failed = by_name["scale"]
    assert failed is not None
    assert "KA108" in failed.text


def test_options_and_markers_are_documented_and_every_option_has_an_ini_value(project):
    from kerasaudit.pytest_plugin import options

    text = project.runpytest("--help").stdout.str()
    flags = {
        word
        for word in text.replace("=", " ").replace("[", " ").split()
        if word.startswith("--kerasaudit")
    }
    assert "--kerasaudit" in flags
    for flag in flags - {"--kerasaudit"}:
        assert f"{flag.removeprefix('--').replace('-', '_')} (" in text
    assert "kerasaudit_paths (" in text
    project.runpytest("--markers").stdout.fnmatch_lines([f"*{options.MARKER[:40]}*"])


def test_two_workers_find_what_one_does(project):
    write(project.path / "zoo" / "a.json", net(conv(), unknown(), name="a"))
    write_release(project.path / "zoo", "line.keras")
    (project.path / "zoo" / "broken.keras").write_text("nonsense")
    ini(project, "kerasaudit_paths = zoo")
    result = project.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "-rN")
    result.assert_outcomes(passed=2 + 6, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "2 models audited: 1 ok, 1 incomplete; 1 could not be",
            "unsupported: zoo/a.json: scale (Scale)",
        ]
    )


def test_without_the_plugin_there_is_nothing_of_it(project):
    write(project.path / "a.json", net(conv()))
    project.makepyfile(
        test_it="""
        import sys

        def test_it():
            assert not any(name.startswith("kerasaudit.pytest_plugin") for name in sys.modules)
        """
    )
    result = project.runpytest_subprocess("-p", "no:kerasaudit")
    result.assert_outcomes(passed=1)
    refused = project.runpytest("-p", "no:kerasaudit", "--kerasaudit=a.json")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR


NO_KERAS = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"keras", "tensorflow", "jax", "torch", "numpy", "pandas"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def test_with_no_keras_and_no_numpy_installed(project):
    write_mismatch(project.path / "zoo" / "wrong.keras")
    write(project.path / "zoo" / "a.json", net(conv()))
    project.makepyfile(
        **{
            "conftest": NO_KERAS,
            "zoo/nets": """
            import keras
            from kerasaudit import builder

            @builder(source="s")
            def net(): ...
            """,
            "test_it": f"""
            import json

            def test_it(audit_model):
                config = json.load(open("zoo/a.json"))
                audit_model(config).matches(params={CONV}).within(max_params={CONV})
            """,
        }
    )
    result = project.runpytest_subprocess("--kerasaudit=zoo", "-p", "no:hypothesispytest", "-rN")
    result.assert_outcomes(passed=2 + 5 + 1, failed=1, errors=2)
    result.stdout.fnmatch_lines(["*pip install 'kerasaudit?tensorflow?' (or ?jax?, ?torch?)*"])
    assert "Traceback" not in result.stdout.str()


def test_where_there_are_no_subtests_one_failure_lists_all(project):
    project.makepyfile(
        conftest=f"{NO_KERAS}\nimport pytest\n\nif hasattr(pytest, 'Subtests'):\n"
        "    del pytest.Subtests\n",
        nets="""
            from kerasaudit import builder

            def make(name):
                return builder(source="s", name=name)(lambda: None)

            one, two = make("one"), make("two")
            """,
    )
    result = project.runpytest_subprocess("--kerasaudit=nets.py", "-p", "no:hypothesispytest")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["one: *pip install*", "two: *pip install*"])
    assert "SUBFAILED" not in result.stdout.str()


def test_what_is_not_used_is_not_imported(project):
    project.makepyfile(
        """
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.startswith("kerasaudit")}
            assert ours == {
                "kerasaudit",
                "kerasaudit.version",
                "kerasaudit.pytest_plugin",
                "kerasaudit.pytest_plugin.fixtures",
                "kerasaudit.pytest_plugin.options",
                "kerasaudit.pytest_plugin.records",
            }
            assert not {"keras", "pandas", "jinja2", "rich.console"} & set(sys.modules)
        """
    )
    project.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


# -- with Keras ----------------------------------------------------------------------------------


KERAS_BUILDERS = """
import keras
from kerasaudit import Claim, builder


@keras.saving.register_keras_serializable("plugged")
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return x * self.scale


@builder(source="s", claims=[
    Claim("out", "4 × 2 + 2 = 10"), Claim("out", "4 × 2 + 2 = 11"), Claim("total", "10"),
])
def claimed():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")])


@builder(source="s", exempt={"scale": "reviewed"})
def scaled():
    return keras.Sequential([
        keras.Input((4,)), Scale(name="scale"), Scale(name="again"), keras.layers.Dense(3),
    ])


@builder(source="s")
def raises():
    raise ValueError("there is no such model")


def make(units):
    @builder(source="s", name=f"dense_{units}", claims=[Claim("total", f"4 × {units} + 3")])
    def net():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])

    return net


three, four = make(3), make(4)  # of four units there are 4 × 4 + 4
"""


def test_builders_end_to_end(project):
    project.makepyfile(**{"models/nets": KERAS_BUILDERS})
    options = ("--kerasaudit=models", "--kerasaudit-update-locks")
    result = project.runpytest_subprocess(*options, "-v", "-rN")
    states = {}
    for line in result.outlines:
        if line.startswith("models/nets.py::") and line.endswith("%]"):
            name, state = line.split()[:2]
            states.setdefault(name.removeprefix("models/nets.py::"), []).append(state)
    subtests = hasattr(pytest, "Subtests")
    assert {name: each[-1] for name, each in states.items()} == {
        "claimed::layers": "PASSED",
        "claimed::claims[out]": "PASSED",
        "claimed::claims[out#2]": "FAILED",
        "claimed::claims[total]": "PASSED",
        "claimed::model": "PASSED",
        "claimed::lock": "PASSED",
        "scaled::layers": "FAILED",
        "scaled::model": "PASSED",
        "scaled::lock": "FAILED",  # it is not audited in full
        "raises::layers": "ERROR",
        "raises::model": "ERROR",
        "raises::lock": "ERROR",
        "builders": "FAILED",
    }
    if subtests:
        assert states["scaled::layers"][:2] == ["SUBSKIPPED[scale]", "SUBFAILED[again]"]
        assert "SUBPASSED[dense_3]" in states["builders"]
        assert "SUBFAILED[dense_4]" in states["builders"]
    result.stdout.fnmatch_lines(
        [
            "raises: the builder raised ValueError: there is no such model (nets.py, line *",
            "KA202 *4 × 2 + 2 = 11 is false*",
            "*KA108 layer 'again' (Scale)*",
            "4 models audited: 1 ok, 2 with findings, 1 incomplete; 1 could not be",
            "exempt: models/nets.py::scaled: scale (reviewed)",
        ]
    )
    # 10 of 10, 15 of the 23 (4 of each Scale), 15 of 15, 20 of 20.
    result.stdout.fnmatch_lines(
        [f"parameters derived: {10 + 15 + 15 + 20} of {10 + 23 + 15 + 20} *"]
    )

    # The layers that a lock lists are tests of their own, though nothing is built to know them.
    found = ids(project.runpytest("--kerasaudit=models", "--kerasaudit-locked", "--co", "-q"))
    assert [one for one in found if "claimed" in one and "claims" not in one] == [
        f"models/nets.py::claimed::{name}" for name in ("out", "layers", "model", "lock")
    ]


def test_gradients_are_checked_by_the_fixture(keras):
    import numpy as np

    from kerasaudit.pytest_plugin import CheckGradients
    from tests.backprop.test_check import faulty

    check = CheckGradients()
    x = np.random.default_rng(0).normal(size=(3, 4))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh")])
    assert check(model, x, np.zeros((3, 3)), loss="mse").ok
    layer = faulty(keras, "kernel")(3, name="faulty")
    with pytest.raises(AssertionError, match="faulty: the gradients are not as derived") as caught:
        check(layer, x)
    assert "kerasaudit explain KA4" in str(caught.value)
    assert not check(layer, x, check=False).ok
