"""The page of a run in a real browser: no errors, a phone's width, contrast, sorting, no script.

Without Chromium these are skipped, unless KERASAUDIT_REQUIRE_BROWSER=1 says that they must run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasaudit import report
from kerasaudit.reconciliation.result import Failure

pytestmark = pytest.mark.browser

_SPEC = importlib.util.spec_from_file_location(
    "report_browser", Path(__file__).with_name("test_html_browser.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
_BROWSER = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BROWSER)
start, visit, contrast = _BROWSER.start, _BROWSER.visit, _BROWSER._CONTRAST

PAGES = ("trained", "hostile", "empty", "plain", "large", "several", "reports/index")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chrome = start()
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, runs, trained) -> Path:
    """Pages of all kinds: one run, a large one, several, an index."""
    path: Path = tmp_path_factory.mktemp("pages")
    trained.save(path / "trained.html")
    for name in ("hostile", "empty", "plain"):
        getattr(runs, name)().save(path / f"{name}.html")
    runs.resnet50(60, 20).save(path / "large.html")
    every = [trained, runs.hostile(), runs.plain(), Failure("gone", "gone: " + "no such run " * 20)]
    report.save(every, path / "several.html")
    report.save(every, f"{path}/reports/")
    return path


@pytest.mark.parametrize("name", PAGES)
def test_no_errors_and_every_image_is_read(browser, folder, name) -> None:
    visit(browser, folder, name)
    assert browser.get_log("browser") == []
    assert "owned" not in browser.title.replace("<script>document.title='owned'</script>", "")
    broken = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert browser.execute_script(broken) == 0


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 760, 1280])
def test_the_page_itself_never_scrolls_sideways(browser, folder, name, width) -> None:
    visit(browser, folder, name, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["trained", "empty", "several", "reports/index"])
def test_contrast_is_aa(browser, folder, name, dark) -> None:
    visit(browser, folder, name, dark=dark)
    assert browser.execute_script(contrast) == []


def test_figures_sort_by_size_whatever_their_exponent(browser, folder) -> None:
    visit(browser, folder, "trained")
    head = browser.find_element("xpath", "//section[contains(@class,'weights')]//th[.='Update']")
    head.find_element("tag name", "button").click()
    names = browser.execute_script(
        "return [...document.querySelectorAll('.weights tbody th')].map(e => e.textContent)"
    )
    # 0.00173, 0.000434, 0.000342, 0.000156, 8.33e-05, 3.39e-05
    assert names[0] == "dense/kernel"
    assert names[-2:] == ["conv2d/bias", "conv2d_1/bias"]


def test_a_heat_map_keeps_its_colours_sharp_and_its_place(browser, folder) -> None:
    visit(browser, folder, "trained", width=390)
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('.weight img.heat')].map(e => [e.clientWidth,"
        " e.clientHeight, getComputedStyle(e).imageRendering])"
    )
    assert len(sizes) == 6
    assert all(width > 250 and 110 < height < 200 for width, height, _ in sizes)
    assert {rendering for *_, rendering in sizes} == {"pixelated"}


def test_without_javascript_layers_open(folder) -> None:
    chrome = start(**{"profile.managed_default_content_settings.javascript": 2})
    try:
        visit(chrome, folder, "large")
        heat = chrome.find_element("css selector", "details .heat")
        assert not heat.is_displayed()
        chrome.find_element("css selector", "summary").click()
        assert heat.is_displayed()
        assert not chrome.find_element("css selector", ".weights .tools").is_displayed()
        assert "predictions/kernel" in chrome.find_element("tag name", "body").text
    finally:
        chrome.quit()
