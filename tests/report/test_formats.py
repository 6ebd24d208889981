"""What all formats share: discovery, suffixes, files written whole, folders, reproducibility."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kerasaudit import TargetError, report
from kerasaudit.finding import Finding
from kerasaudit.location import Location
from kerasaudit.reconciliation.result import Failure

OF_PIPELINES = ("github", "github-summary", "junit", "sarif")
TEXT_FORMATS = ("csv", "html", "json", "markdown", "terminal", *OF_PIPELINES)


def test_every_format_is_found() -> None:
    assert set(report.formats()) == {*TEXT_FORMATS, "parquet"}


def test_a_format_is_a_module_and_nothing_else(tmp_path, monkeypatch, digits) -> None:
    module = 'FORMAT = "names"\nSUFFIX = ".names"\ndef render(results): return results[0].name\n'
    (tmp_path / "names.py").write_text(module, encoding="utf-8")
    monkeypatch.setattr(report, "__path__", [*report.__path__, str(tmp_path)])
    report.formats.cache_clear()
    try:
        digits.save(tmp_path / "out.names")
    finally:
        report.formats.cache_clear()
    assert (tmp_path / "out.names").read_text("utf-8") == "digits"


@pytest.mark.parametrize(
    ("format_", "unwanted"),
    [
        ("json", ("rich", "jinja2", "pandas")),
        ("csv", ("rich", "jinja2", "pandas")),
        ("markdown", ("rich", "jinja2", "pandas")),
        ("html", ("rich", "pandas")),
        ("terminal", ("jinja2", "pandas")),
        *((name, ("rich", "jinja2", "pandas", "numpy")) for name in OF_PIPELINES),
    ],
)
def test_a_format_loads_its_own_library_alone(format_, unwanted) -> None:
    code = (
        "import sys; from kerasaudit import report; report.render([], sys.argv[1]); "
        "print(*[name for name in sys.argv[2:] if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, format_, *unwanted], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("format_", TEXT_FORMATS)
def test_reports_reproduce_and_hold_no_place(format_, digits, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    file = "models/cnn_coding.py"
    here = replace(
        digits,
        target=f"{tmp_path}/{file}::digits",
        location=Location(f"{tmp_path}/{file}", 7),
        findings=(Finding("KA106", "conv2d", "it is", False),),
    )
    text = report.render([here], format_)
    there = replace(here, target=digits.target, location=Location(file, 7))
    assert text == report.render([there], format_)
    assert str(tmp_path) not in text
    assert text.endswith("\n")
    assert "\r" not in text


def test_a_path_outside_is_named_by_its_last_part() -> None:
    failure = Failure("/elsewhere/net.py::a", "/elsewhere/net.py: it has no builder 'a'")
    assert "elsewhere" not in report.render([failure], "json")
    assert "net.py: it has no builder 'a'" in report.render([failure], "json")


def test_an_unknown_format_is_one_line() -> None:
    with pytest.raises(
        TargetError, match=r"no report format 'xml'; there are csv, github, .*html, json"
    ):
        report.render([], "xml")


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".html", ".json", ".md", ".HTML"])
def test_the_suffix_names_the_format(suffix, digits, tmp_path) -> None:
    digits.save(tmp_path / f"report{suffix}")
    data = (tmp_path / f"report{suffix}").read_bytes()
    assert "3·3·32·64" in data.decode("utf-8")
    assert b"\r" not in data
    assert [path.name for path in tmp_path.iterdir()] == [f"report{suffix}"]


@pytest.mark.parametrize("name", ["report.xls", "report", "report.terminal"])
def test_an_unknown_suffix_names_the_known_ones(name, digits, tmp_path) -> None:
    with pytest.raises(TargetError, match=r"known are \.csv, \.html, .*\.parquet, .*\.xml$"):
        digits.save(tmp_path / name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.sarif", '{\n "$schema"'),
        ("a.sarif.json", '{\n "$schema"'),
        ("A.SARIF.JSON", '{\n "$schema"'),
        ("a.b.json", '{\n "schema_version"'),
        ("a.xml", "<?xml"),
        ("a.junit.xml", "<?xml"),
    ],
)
def test_the_longer_of_two_suffixes_names_the_format(name, begins, digits, tmp_path) -> None:
    digits.save(tmp_path / name)
    assert (tmp_path / name).read_text("utf-8").startswith(begins)


def test_what_others_write_to_is_appended_to(digits, tmp_path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    report.append([digits], "github-summary", path)
    assert path.read_text("utf-8") == "before\n" + report.render([digits], "github-summary")
    with pytest.raises(TargetError, match=r"missing/summary\.md: cannot be written: No such file"):
        report.append([digits], "github-summary", tmp_path / "missing" / "summary.md")


def test_a_missing_folder_is_one_line(digits, tmp_path) -> None:
    with pytest.raises(TargetError, match=r"missing/report\.json: cannot be written: No such file"):
        digits.save(tmp_path / "missing" / "report.json")


def test_a_failed_write_leaves_what_was_there(digits, tmp_path, monkeypatch) -> None:
    path = tmp_path / "report.json"
    path.write_text("before", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(TargetError, match="No space left"):
        digits.save(path)
    assert path.read_text("utf-8") == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_file_is_as_readable_as_any_other(digits, tmp_path) -> None:
    digits.save(tmp_path / "report.json")
    (tmp_path / "plain").touch()
    assert (tmp_path / "report.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_stays_a_link(digits, tmp_path) -> None:
    (tmp_path / "real.json").write_text("before", encoding="utf-8")
    (tmp_path / "report.json").symlink_to(tmp_path / "real.json")
    digits.save(tmp_path / "report.json")
    assert (tmp_path / "report.json").is_symlink()
    assert '"digits"' in (tmp_path / "real.json").read_text("utf-8")


def test_half_a_surrogate_pair_is_written_as_its_escape(digits, tmp_path) -> None:
    report.save([replace(digits, name="\ud800")], tmp_path / "report.json")
    assert '"name": "\\ud800"' in (tmp_path / "report.json").read_text("utf-8")


# -- folders ------------------------------------------------------------------------------------


def written(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder_holds_a_page_for_each_audit_and_an_index(digits, tmp_path) -> None:
    plain = replace(digits, target="digits")
    failure = Failure("gone.py", "gone.py: no such file")
    report.save([digits, plain, failure], f"{tmp_path}/reports/")
    assert written(tmp_path / "reports") == [
        "cnn_coding/digits.csv",
        "cnn_coding/digits.html",
        "cnn_coding/digits.json",
        "digits.csv",
        "digits.html",
        "digits.json",
        "index.html",
    ]
    index = (tmp_path / "reports" / "index.html").read_text("utf-8")
    assert 'href="cnn_coding/digits.html"' in index
    assert "gone.py: no such file" in index


def test_an_existing_folder_is_one_without_a_slash(digits, tmp_path) -> None:
    report.save([digits], tmp_path)
    assert "index.html" in written(tmp_path)


def test_names_never_lead_out_and_never_collide(digits, tmp_path) -> None:
    names = ["../../evil", "index", "a/b", "A_b", "...", "", "x" * 300, "/abs"]
    targets = ["../../up.py::x", "net", "net", "net", "net", "net", "net", "..::x"]
    results = [replace(digits, name=n, target=t) for n, t in zip(names, targets, strict=True)]
    report.save(results, f"{tmp_path}/reports{os.sep}")
    paths = written(tmp_path)
    assert all(path.startswith("reports/") for path in paths)
    assert len(paths) == 3 * len(results) + 1
    assert len({path.casefold() for path in paths}) == len(paths)


def test_a_link_that_leads_out_is_refused(digits, tmp_path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "cnn_coding").symlink_to(tmp_path / "outside")
    with pytest.raises(TargetError, match="leads out of"):
        report.save([digits], tmp_path / "reports")
    assert not any((tmp_path / "outside").iterdir())


def test_the_root_of_an_unwritable_folder_is_one_line(digits, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TargetError, match="cannot be made"):
        report.save([digits], f"{tmp_path}/file/reports/")


def test_what_is_wrong_beside_the_models_is_not_called_unaudited(digits) -> None:
    orphan = Failure("audits/gone.json", "audits/gone.json: no model is of it", code="KA514")
    for name in ("html", "markdown"):
        text = report.render([digits, orphan], name)
        assert "Beside the models" in text
        assert "KA514" in text
        assert "ot audited" not in text
    assert ",findings,,,,,,,,,,,,audits/gone.json: no" in report.render([digits, orphan], "csv")
