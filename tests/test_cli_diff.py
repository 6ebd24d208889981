"""`kerasaudit diff` as a user meets it: exit codes, streams, formats, one line per error."""

from __future__ import annotations

import copy
import json
import textwrap

import pytest
from click.testing import CliRunner

from kerasaudit.cli import command

NET = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 64]}},
            {"class_name": "Dense", "config": {"name": "out", "units": 10}},
        ],
    },
}


def written(path, units):
    net = copy.deepcopy(NET)
    net["config"]["layers"][1]["config"]["units"] = units
    path.write_text(json.dumps(net))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "old.json", 10)
    written(tmp_path / "same.json", 10)
    written(tmp_path / "new.json", 20)
    written(tmp_path / "bad.json", -1)
    (tmp_path / "nets.py").write_text(
        textwrap.dedent("""
        import keras

        def net(units=10):
            return keras.Sequential(
                [keras.Input((64,), name="x"), keras.layers.Dense(units, name="out")]
            )
    """)
    )
    (tmp_path / "empty").mkdir()
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(command, ["diff", *map(str, arguments)])


def test_a_difference_exits_1(folder):
    result = invoke("old.json", "new.json")
    assert result.exit_code == 1
    assert "650 → 1,300  +650" in result.stdout  # 64·10 + 10 and 64·20 + 20
    assert "units" in result.stdout
    assert result.stderr == ""


def test_no_difference_exits_0_and_says_what_was_compared(folder):
    result = invoke("old.json", "same.json")
    assert result.exit_code == 0
    assert "no difference" in result.stdout
    assert "2 layers compared" in result.stdout


def test_a_file_and_a_builder(folder):
    result = invoke("old.json", "nets.py::net")
    assert result.exit_code == 0, result.stdout
    result = invoke("old.json", "nets.py::net", "--kwargs", '{"units": 20}')
    assert result.exit_code == 1
    assert "650 → 1,300" in result.stdout


def test_what_is_not_audited_in_full_exits_2(folder):
    result = invoke("old.json", "bad.json")
    assert result.exit_code == 2
    assert "not audited in full" in result.stdout
    assert "units must be a positive integer, received -1" in " ".join(result.stdout.split())


@pytest.mark.parametrize("targets", [("old.json", "gone.json"), ("gone.json", "old.json")])
def test_a_target_that_there_is_not_exits_2_in_one_line(folder, targets):
    result = invoke(*targets)
    assert result.exit_code == 2
    assert result.stderr.startswith("kerasaudit: error: gone.json: no such file or folder")
    assert len(result.stderr.splitlines()) == 1


def test_each_target_that_fails_is_told(folder):
    result = invoke("gone.json", "lost.json")
    assert [line.split(":")[2] for line in result.stderr.splitlines()] == [
        " gone.json",
        " lost.json",
    ]


def test_where_neither_names_a_model_nothing_is_audited(folder):
    assert invoke("empty", "empty").exit_code == 3
    assert invoke("empty", "old.json").exit_code == 2


def test_several_models_are_refused(folder):
    result = invoke("old.json", "zoo:")
    assert result.exit_code == 2
    assert "expected the name of one model, received" in result.stderr


def test_json_of_a_failure_is_json_of_a_diff(folder):
    result = invoke("old.json", "gone.json", "--format", "json")
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert document["diffs"] == []
    assert document["errors"][0]["target"] == "gone.json"


@pytest.mark.parametrize("format_", ["json", "csv", "markdown", "html"])
def test_every_format_is_printed(folder, format_):
    result = invoke("old.json", "new.json", "--format", format_)
    assert result.exit_code == 1
    assert "units" in result.stdout
    assert result.stderr == ""


def test_reports_are_saved_by_suffix_and_checked_before(folder):
    paths = ["d.html", "d.csv", "d.json", "d.md", "d.parquet", "reports/"]
    saves = [argument for path in paths for argument in ("--save", path)]
    assert invoke("old.json", "new.json", *saves).exit_code == 1
    assert all((folder / path).exists() for path in paths)
    result = invoke("old.json", "new.json", "--save", "d.xls")
    assert result.exit_code == 2
    assert "no report has the suffix '.xls'" in result.stderr


def test_an_input_shape_is_for_both(folder):
    result = invoke("old.json", "new.json", "--input-shape", "None,32")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2
    assert "expected an input shape that fits (None, 64), received (None, 32)" in result.stderr


def test_a_file_is_read_within_its_limits(folder):
    result = invoke("old.json", "new.json", "--limit", "config_bytes=10")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2


def test_what_the_settings_exempt_is_waived(folder):
    mine = {"class_name": "Mine", "module": "mine", "config": {"name": "mine"}}
    net = copy.deepcopy(NET)
    net["config"]["layers"].append(mine)
    (folder / "mine.json").write_text(json.dumps(net))
    assert invoke("mine.json", "mine.json").exit_code == 2
    (folder / "kerasaudit.toml").write_text(
        '[exempt."mine.json"]\nmine = "reviewed by hand"\n'
        '[severity]\nKA302 = "warning"\n'
        '[budgets."mine.json"]\nmax_params = 1\n'
    )
    result = invoke("mine.json", "mine.json")
    assert result.exit_code == 0, result.stdout
    (folder / "kerasaudit.toml").write_text('[exempt."mine.json"]\nmine = ""\n')
    result = invoke("mine.json", "mine.json")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_debug_shows_where(folder):
    assert "Traceback" in invoke("old.json", "gone.json", "--debug").stderr
