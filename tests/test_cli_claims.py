"""`kerasaudit claims` as a user meets it: exit codes, streams, formats, and what --fix writes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kerasaudit.cli import command

DENSE = 16 * 10 + 10
NET = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 16]}},
            {"class_name": "Dense", "config": {"name": "out", "units": 10}},
        ],
    },
}
RIGHT = f"It has <!-- kerasaudit: net.json params -->{DENSE} parameters.\n"
WRONG = "It has <!-- kerasaudit: net.json params -->171 parameters.\n"
UNREADABLE = "It has <!-- kerasaudit: net.json parms -->171 parameters.\n"
KNOWN_TO_NOBODY = "It has <!-- kerasaudit: own.json params -->171 parameters.\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.json").write_text(json.dumps(NET))
    own = json.loads(json.dumps(NET))
    own["config"]["layers"].append({"class_name": "Mine", "config": {"name": "mine"}})
    (tmp_path / "own.json").write_text(json.dumps(own))
    for name, text in (
        ("right", RIGHT),
        ("wrong", WRONG),
        ("unreadable", UNREADABLE),
        ("unknown", KNOWN_TO_NOBODY),
        ("none", "It has 170 parameters.\n"),
    ):
        (tmp_path / f"{name}.md").write_text(text)
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(command, ["claims", *map(str, arguments)])


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (["right.md"], 0),
        (["right.md", "none.md"], 0),
        (["wrong.md", "right.md"], 1),
        (["unreadable.md"], 2),
        (["unknown.md"], 2),
        (["wrong.md", "unknown.md"], 2),
        (["wrong.md", "nowhere.md"], 2),
        (["nowhere.md"], 2),
        (["none.md"], 3),
        (["none.md", "nowhere.md"], 2),
    ],
)
def test_the_exit_code_says_what_was_found(files, code):
    assert invoke(*files).exit_code == code


def test_what_is_wrong_is_one_line_with_file_and_line():
    result = invoke("wrong.md", "unreadable.md")
    lines = result.stdout.splitlines()
    assert "wrong.md:1: KA207 parameters of net.json: written as 171, derived 170" in lines, (
        result.stdout
    )
    assert "unreadable.md:1: KA208 no quantity is named parms; did you mean params?" in lines
    assert "2 documents, 2 figures: 1 wrong, 1 unreadable" in lines
    assert result.stderr == ""


def test_a_file_that_cannot_be_read_is_one_line_on_stderr(folder):
    (folder / "latin.md").write_bytes(b"f\xfcr")
    result = invoke("nowhere.md", "latin.md", "right.md")
    assert result.stderr.splitlines() == [
        "kerasaudit: error: nowhere.md: cannot be read: No such file or directory",
        "kerasaudit: error: latin.md:1: expected text in UTF-8, received the byte 0xfc",
    ]
    assert "right.md  ✓ 1 figure: 1 ok" in result.stdout


def test_fix_writes_the_figures_and_says_which(folder):
    result = invoke("wrong.md", "right.md", "--fix")
    assert result.exit_code == 0
    assert "line 1  171 → 170" in result.stdout
    assert "fixed" in result.stdout
    assert (folder / "wrong.md").read_text() == RIGHT
    assert invoke("wrong.md").exit_code == 0


def test_fix_leaves_what_it_cannot_judge(folder):
    result = invoke("unknown.md", "unreadable.md", "--fix")
    assert result.exit_code == 2
    assert (folder / "unknown.md").read_text() == KNOWN_TO_NOBODY
    assert (folder / "unreadable.md").read_text() == UNREADABLE


def test_json_has_every_figure_with_its_place():
    document = json.loads(invoke("wrong.md", "nowhere.md", "--format", "json").stdout)
    assert document["schema_version"] == 1
    [one] = document["documents"]
    assert (one["target"], one["status"]) == ("wrong.md", "findings")
    [claim] = one["claims"]
    assert claim == {
        "line": 1,
        "column": WRONG.index("171") + 1,
        "target": "net.json",
        "layer": None,
        "quantity": "params",
        "written": "171",
        "derived": DENSE,
        "observed": None,
        "stored": None,
        "status": "wrong",
        "message": "parameters of net.json: written as 171, derived 170",
        "replacement": "170",
    }
    assert [found["code"] for found in one["findings"]] == ["KA207"]
    assert [error["target"] for error in document["errors"]] == ["nowhere.md"]


def test_csv_and_markdown_are_saved_by_suffix_and_a_folder_is_refused(folder):
    assert invoke("wrong.md", "unknown.md", "--save", "a.csv", "--save", "a.md").exit_code == 2
    rows = list(csv.DictReader(io.StringIO((folder / "a.csv").read_text())))
    assert [(row["file"], row["written"], row["derived"], row["status"]) for row in rows] == [
        ("wrong.md", "171", "170", "wrong"),
        ("unknown.md", "171", "", "unjudged"),
    ]
    table = (folder / "a.md").read_text()
    assert "|1|171 → 170|parameters of net.json|170|–|–|✗ wrong|" in table
    assert invoke("a.md").exit_code == 3  # a report is no document with marks
    for path, told in (("reports/", "expected a file"), ("a.xls", "no report has the suffix")):
        result = invoke("wrong.md", "--save", path)
        assert (result.exit_code, result.stdout) == (2, "")
        assert told in result.stderr


def test_limits_are_those_given_or_set(folder):
    assert "config_bytes" in invoke("right.md", "--limit", "config_bytes=10").stdout
    (folder / "kerasaudit.toml").write_text("[limits]\nconfig_bytes = 10\n")
    result = invoke("right.md")
    assert (result.exit_code, "config_bytes" in result.stdout) == (2, True)
    assert invoke("right.md", "--config", "nowhere.toml").exit_code == 2


def test_the_help_shows_a_mark_and_every_quantity():
    from kerasaudit.reconciliation.truth import QUANTITIES

    result = CliRunner().invoke(command, ["claims", "--help"], terminal_width=80)
    words = result.stdout.replace(",", " ").replace(";", " ").split()
    assert set(QUANTITIES) <= set(words)
    assert "LeNet-5 has <!-- kerasaudit: zoo:lenet5 params -->61,706 parameters." in result.stdout


@pytest.mark.parametrize("name", ["audit", "claims", "diff", "explain", "gradients", "rules"])
def test_no_help_shows_how_it_is_laid_out_or_is_wider_than_a_terminal(name):
    text = CliRunner().invoke(command, [name, "--help"], terminal_width=80).stdout
    assert "\\b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_finding_s_kinds_are_explained():
    for code in ("KA207", "KA208"):
        result = CliRunner().invoke(command, ["explain", code])
        assert result.exit_code == 0
        assert "Remedy:" in result.stdout


def test_a_config_is_judged_without_keras():
    script = (
        "import sys; from kerasaudit.reconciliation.prose.document import check_documents; "
        "check_documents(['wrong.md']); "
        "sys.exit('keras' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
