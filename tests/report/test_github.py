"""Annotations of GitHub, read back as the runner of a workflow reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit import report
from kerasaudit.finding import Finding
from kerasaudit.location import Location
from kerasaudit.reconciliation.result import Failure


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    message: str


def read(line: str) -> Command:
    """A command as the runner takes it apart: properties end at "::", are parted by commas."""
    head, _, message = line.removeprefix("::").partition("::")
    name, _, listed = head.partition(" ")
    pairs = (pair.partition("=") for pair in listed.split(",") if pair)
    properties = {key: unescaped(value, ":,\r\n%") for key, _, value in pairs}
    return Command(name, properties, unescaped(message, "\r\n%"))


def unescaped(text: str, characters: str) -> str:
    for character in characters:  # "%" last, as the runner has it
        text = text.replace(f"%{ord(character):02X}", character)
    return text


def commands(*results) -> list[Command]:
    lines = report.render(results, "github").splitlines()
    assert not lines[-1].startswith("::")
    return [read(line) for line in lines[:-1]]


def last_line(*results) -> str:
    return report.render(results, "github").splitlines()[-1]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)


def finding(code: str, path: str = "conv2d", **fields) -> Finding:
    return Finding(code, path, f"{path} is wrong", fields.pop("incomplete", False), **fields)


def test_a_clean_audit_annotates_nothing(digits) -> None:
    assert commands(digits) == []
    assert last_line(digits) == "kerasaudit: 1 model audited, 1 ok"


def test_a_finding_stands_at_its_builder_and_a_claim_at_its_line(digits) -> None:
    audit = replace(
        digits,
        status="findings",
        location=Location("models/net.py", 12),
        findings=(
            finding("KA106"),
            finding("KA201", location=Location("models/claims.py", 3)),
        ),
    )
    assert [one.properties for one in commands(audit)] == [
        {"file": "models/net.py", "line": "12", "title": "KA106 digits"},
        {"file": "models/claims.py", "line": "3", "title": "KA201 digits"},
    ]
    assert last_line(audit) == "kerasaudit: 1 model audited, 1 with findings; 2 errors"


def test_the_working_stands_on_lines_of_its_own(broken) -> None:
    grave = next(one for one in commands(broken) if one.properties["title"] == "KA101 broken")
    assert grave.message.splitlines() == [
        "dense: kernel is derived as 4·3, observed (4, 2)",
        "working: d·u = 4·3",
        "expected: (4, 3)",
        "observed: (4, 2)",
        "difference: -4",
        "cause: the observed shapes equal units=2",
    ]


def test_a_budget_and_a_warning(audits) -> None:
    (error,) = commands(audits.budgeted())
    assert (error.name, error.properties["line"]) == ("error", "12")
    assert "layer 'conv' has 320, 20 over it" in error.message
    (warning,) = commands(audits.budgeted(KA502="warning"))
    assert warning == error._replace(name="warning")
    line = last_line(audits.budgeted(KA502="warning"))
    assert line == "kerasaudit: 1 model audited, 1 ok; 1 warning"


def test_a_target_that_could_not_be_audited_is_an_error() -> None:
    failure = Failure("a, b: c.py", "a, b: c.py: 100% wrong", location=Location("a, b: c.py"))
    orphan = Failure("net.lock", "net.lock: no model", code="KA511")
    assert commands(failure, orphan) == [
        Command("error", {"file": "a, b: c.py", "title": "not audited"}, "a, b: c.py: 100% wrong"),
        Command("error", {"title": "KA511"}, "net.lock: no model"),
    ]
    line = last_line(failure, orphan)
    assert line == "kerasaudit: 0 models audited, 1 could not be, 1 finding beside them; 2 errors"


def test_the_gravest_come_first_and_one_of_each_before_more(digits) -> None:
    found = (
        finding("KA112", severity="warning"),
        finding("KA106"),
        finding("KA106", "dense"),
        finding("KA301", "file"),
        finding("KA108", incomplete=True),
        finding("KA108", "dense", incomplete=True),
    )
    audit = replace(digits, status="incomplete", findings=found)
    titles = [one.properties["title"].split()[0] for one in commands(audit, Failure("x", "x: no"))]
    assert titles == ["KA108", "not", "KA106", "KA301", "KA108", "KA106", "KA112"]


def test_the_last_line_says_that_not_all_are_shown(digits) -> None:
    few, many = (
        replace(digits, status="findings", findings=(finding("KA106"),) * n) for n in (10, 11)
    )
    assert last_line(few).endswith("; 10 errors")
    assert last_line(many).endswith("; 11 errors, of which GitHub shows the first 10 of each")
    assert len(commands(many)) == 11


@given(st.text(), st.text(min_size=1))
def test_no_text_ends_a_command_or_begins_another(message: str, name: str) -> None:
    failure = Failure("x", message, location=Location("models/" + re.sub(r"[/\\\0.]", "_", name)))
    (command,) = commands(failure)
    shown = "".join(c if c.isprintable() else " " for c in message)
    assert len(command.message) >= len(shown)
    assert set(command.properties) == {"file", "title"}


def test_names_out_of_a_file_are_no_commands(hostile) -> None:
    evil = "\n::error::owned\r::stop-commands::x"
    audit = replace(hostile, name=evil, findings=(finding("KA106", evil),), status="findings")
    (command,) = commands(audit)
    assert command.message == r"\x0a::error::owned\x0d::stop-commands::x is wrong"
    text = report.render([audit], "github")
    assert len(text.splitlines()) == 2


# -- places -------------------------------------------------------------------------------------


def place(file: str) -> str | None:
    (command,) = commands(Failure("x", "x: no", location=Location(file, 3)))
    return command.properties.get("file")


def test_places_are_relative_to_the_repository(tmp_path, monkeypatch) -> None:
    assert place(f"{tmp_path}/models/net.py") == "models/net.py"
    assert place("models/../net.py") == "net.py"
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert place("net.py") == "net.py"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert place("net.py") == "below/net.py"
    assert place(f"{tmp_path}/other/net.py") == "other/net.py"


def test_what_stands_outside_has_no_place(tmp_path, monkeypatch) -> None:
    assert place(f"{tmp_path.parent}/net.py") is None
    assert place("https://example.org/net.keras") is None
    monkeypatch.setenv("GITHUB_WORKSPACE", f"{tmp_path}/elsewhere")
    assert place("net.py") == "net.py"  # in the working directory, if not in the workspace


def test_a_link_to_the_repository_leads_there(tmp_path, monkeypatch) -> None:
    (tmp_path / "real").mkdir()
    Path(tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "real")
    monkeypatch.setenv("GITHUB_WORKSPACE", f"{tmp_path}/link")
    assert place("net.py") == "net.py"


# -- the summary of the job -----------------------------------------------------------------------


def test_the_summary_has_a_row_for_each_model_and_each_fault(digits, audits) -> None:
    failure = Failure("gone.py", "gone.py: no such file")
    text = report.render([digits, audits.budgeted(), failure], "github-summary")
    lines = text.splitlines()
    head = "## kerasaudit: 2 models audited, 1 ok, 1 with findings, 1 could not be"
    assert lines[0] == head
    # The weights of "digits": 34,826 of 4 bytes each.
    row = "|`digits`|✓ ok|34,826|34,826|2,440,960|139,304|1 confirmed, 1 erratum|none|"
    assert row in lines
    assert "✓ parameters 216,650 of 1,000,000, 783,350 left|" in text
    assert "### 2 errors" in lines
    assert "|✗ error|–|`gone.py`|gone.py: no such file|" in lines
    assert re.search(r"\|✗ error\|KA502\|`models/net\.py:12`\|.*layer 'conv' has 320", text)


def test_the_summary_is_cut_and_says_so(digits) -> None:
    found = tuple(finding("KA106", f"layer_{number}") for number in range(450))
    audit = replace(digits, status="findings", findings=found)
    text = report.render([audit], "github-summary")
    assert text.count("|✗ error|KA106|") == 200
    assert "250 more errors and warnings are not listed here." in text


def test_every_row_of_the_summary_has_its_cells(hostile) -> None:
    found = tuple(finding("KA106", name) for name in ("a|b", "`|`", "<b>|"))
    text = report.render([replace(hostile, findings=found)], "github-summary")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9, 5}
    assert "<b>" not in re.sub(r"`+[^\n]*?`+", "", text)
