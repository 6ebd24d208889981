"""What the reports of runs share: discovery by kind of result, files, folders, reproducibility."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from kerasaudit import TargetError, report
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure

TEXT_FORMATS = ("html", "json", "markdown", "terminal")


def test_every_format_is_found() -> None:
    assert set(report.formats(RunSummary)) == {"csv", *TEXT_FORMATS}


def test_a_format_is_a_module_and_nothing_else(tmp_path, monkeypatch, trained) -> None:
    from kerasaudit.report import gradients

    module = 'FORMAT = "names"\nSUFFIX = ".names"\ndef render(results): return results[0].name\n'
    (tmp_path / "names.py").write_text(module, encoding="utf-8")
    monkeypatch.setattr(gradients, "__path__", [*gradients.__path__, str(tmp_path)])
    report.formats.cache_clear()
    try:
        trained.save(tmp_path / "out.names")
        assert "names" not in report.formats()
    finally:
        report.formats.cache_clear()
    assert (tmp_path / "out.names").read_text("utf-8") == "digits"


@pytest.mark.parametrize(
    ("format_", "unwanted"),
    [
        ("json", ("rich", "jinja2", "pandas", "numpy")),
        ("csv", ("rich", "jinja2")),
        ("markdown", ("rich", "jinja2", "pandas", "numpy")),
        ("html", ("rich", "pandas", "numpy")),
        ("terminal", ("jinja2", "pandas", "numpy")),
    ],
)
def test_a_format_loads_its_own_library_alone(format_, unwanted) -> None:
    code = (
        "import sys; from kerasaudit import report; from kerasaudit.gradients.summary import *; "
        "list(report.formats(RunSummary)[sys.argv[1]].render([])); "
        "print(*[name for name in sys.argv[2:] if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, format_, *unwanted], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("format_", TEXT_FORMATS)
def test_reports_reproduce_and_hold_no_place(format_, runs, trained, monkeypatch, tmp_path) -> None:
    here = replace(runs.digits(), target=f"{tmp_path}/runs/digits")
    monkeypatch.chdir(tmp_path)
    text = report.render([here], format_)
    assert text == report.render([trained], format_)
    assert str(tmp_path) not in text
    assert text.endswith("\n")
    assert "\r" not in text


def test_a_report_is_of_one_kind(digits, trained, tmp_path) -> None:
    with pytest.raises(TargetError, match="of one family alone"):
        report.save([digits, trained], tmp_path / "both.json")
    assert not any(tmp_path.iterdir())


def test_the_suffix_names_the_format(runs, tmp_path) -> None:
    for suffix in (".csv", ".html", ".json", ".md"):
        report.check(tmp_path / f"run{suffix}", RunSummary)
        runs.plain().save(tmp_path / f"run{suffix}")
        assert b"dense" in (tmp_path / f"run{suffix}").read_bytes()
    known = r"known are \.csv, \.html, \.json, \.md$"
    with pytest.raises(TargetError, match=known):
        report.check("run.parquet", RunSummary)


def test_a_folder_holds_a_page_for_each_run_and_an_index(runs, trained, tmp_path) -> None:
    failure = Failure("gone", "gone: no such run")
    report.save([trained, runs.plain(), trained, failure], f"{tmp_path}/reports/")
    folder = tmp_path / "reports"
    written = sorted(path.name for path in folder.rglob("*") if path.is_file())
    names = [f"{n}{s}" for n in ("digits", "digits-2", "plain") for s in (".html", ".json", ".md")]
    assert written == sorted([*names, "index.html"])
    index = (folder / "index.html").read_text("utf-8")
    assert 'href="digits-2.html"' in index
    assert "gone: no such run" in index


def test_a_table_that_breaks_off_leaves_what_was_there(runs, tmp_path) -> None:
    def frames():
        yield from runs.plain_frames()
        raise TargetError("runs/a: part 3 is damaged")

    path = tmp_path / "run.csv"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(TargetError, match="part 3 is damaged"):
        replace(runs.plain(), kernel_frames=frames).save(path)
    assert path.read_text("utf-8") == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.csv"]
