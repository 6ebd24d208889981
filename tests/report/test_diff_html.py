"""HTML of a diff: what it says, that it is whole, that names in it are inert; in a browser too."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kerasaudit import Failure, report

_SPEC = importlib.util.spec_from_file_location(
    "report_browser", Path(__file__).with_name("test_html_browser.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
_BROWSER = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BROWSER)
start, visit, contrast = _BROWSER.start, _BROWSER.visit, _BROWSER._CONTRAST

PAGES = ("widened", "equal", "partly", "hostile", "long", "several", "reports/index")


def text_of(page: str) -> str:
    class Text(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.words: list[str] = []

        def handle_data(self, data: str) -> None:
            self.words += data.split()

    parser = Text()
    parser.feed(re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL))
    return " ".join(parser.words)


def test_it_says_what_changed(diffs) -> None:
    text = text_of(report.render([diffs.widened()], "html"))
    assert "≠ 1 layer added, 1 removed, 2 changed, 1 renamed, 1 connection changed" in text
    assert "parameters 4,883 5,565 +682" in text
    assert "~ changed dense_ 2 was dense_ 1 Dense 650 1,300 +650 units 10 → 20" in text
    assert "− removed gone Dense 18 – -18" in text
    assert "✓ no difference" in text_of(report.render([diffs.equal()], "html"))


def test_it_is_self_contained(diffs) -> None:
    page = report.render([diffs.widened(), diffs.partly(), Failure("a", "a: no file")], "html")
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "default-src &#39;none&#39;" in page
    assert "a: no file" in page


def test_names_are_text(diffs) -> None:
    for page in (report.render([diffs.hostile()], "html"), diffs.hostile()._repr_html_()):
        assert "<script>document" not in page
        assert "\x1b" not in page


def test_a_long_diff_says_how_much_is_left_out(diffs) -> None:
    page = report.render([diffs.long(2_100)], "html")
    assert "100 more stand in the JSON report." in page
    assert len(page.encode()) < 2_000_000


def test_a_notebook_gets_a_fragment(diffs) -> None:
    fragment = diffs.widened()._repr_html_()
    assert "<style" not in fragment
    assert "<script" not in fragment
    assert "parameters 4,883 5,565 +682" in text_of(fragment)


# -- in a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chrome = start()
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, diffs) -> Path:
    path: Path = tmp_path_factory.mktemp("pages")
    for name in ("widened", "equal", "partly", "hostile"):
        getattr(diffs, name)().save(path / f"{name}.html")
    diffs.long(30).save(path / "long.html")
    every = [diffs.widened(), diffs.hostile(), Failure("gone", "gone: " + "no such file " * 20)]
    report.save(every, path / "several.html")
    report.save(every, f"{path}/reports/")
    return path


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_no_errors(browser, folder, name) -> None:
    visit(browser, folder, name)
    assert browser.get_log("browser") == []
    assert "owned" not in browser.title.replace("<script>document.title='owned'</script>", "")


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 760, 1280])
def test_the_page_itself_never_scrolls_sideways(browser, folder, name, width) -> None:
    visit(browser, folder, name, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["widened", "partly", "several", "reports/index"])
def test_contrast_is_aa(browser, folder, name, dark) -> None:
    visit(browser, folder, name, dark=dark)
    assert browser.execute_script(contrast) == []


@pytest.mark.browser
def test_differences_sort_by_size(browser, folder) -> None:
    visit(browser, folder, "widened")
    changes = browser.find_element("css selector", "section.changes")
    head = changes.find_element("xpath", ".//th[.='Difference']")
    head.find_element("tag name", "button").click()
    cells = changes.find_elements("css selector", "tbody td:nth-child(6)")
    figures = [cell.text for cell in cells]
    assert figures == ["+650", "+50", "0", "0", "-18"]
