"""The page of an explained gradient in a real browser: no errors, axe, without JavaScript.

Without Chromium these are skipped, unless KERASAUDIT_REQUIRE_BROWSER=1 says that they must run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasaudit import report
from kerasaudit.backprop.teaching import teach_target
from kerasaudit.reconciliation.result import Failure

pytestmark = pytest.mark.browser

_SPEC = importlib.util.spec_from_file_location(
    "report_browser", Path(__file__).with_name("test_html_browser.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
_BROWSER = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BROWSER)
start, visit = _BROWSER.start, _BROWSER.visit

AXE = Path(__file__).parent / "vendored" / "axe.min.js"
PAGES = ("lesson", "failed", "reports/index")
WITHOUT_SCRIPT = {"profile.managed_default_content_settings.javascript": 2}


@pytest.fixture(scope="module")
def lesson():
    return teach_target(
        "models/cnn_backpropagation.py::cnn_backpropagation", "conv2d/kernel[1,2,0,0]"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, lesson) -> Path:
    path: Path = tmp_path_factory.mktemp("pages")
    failure = Failure("gone.py", "gone.py: no such file")
    report.save([lesson], path / "lesson.html")
    report.save([lesson, failure], path / "failed.html")
    report.save([lesson, failure], f"{path}/reports/")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chrome = start()
    yield chrome
    chrome.quit()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 760, 1280])
def test_no_errors_and_no_scrolling_sideways(browser, folder, name, width) -> None:
    visit(browser, folder, name, width=width)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(browser, folder, name, dark) -> None:
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    try:
        visit(browser, folder, name, dark=dark)
        for details in browser.find_elements("tag name", "details"):
            browser.execute_script("arguments[0].open = true", details)
        browser.execute_script(AXE.read_text("utf-8"))
        run = "const done = arguments[0]; axe.run().then(done)"
        found = browser.execute_async_script(run)
    finally:
        browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert len(found["passes"]) > 10


def shown(browser: Any) -> list[str]:
    """The headings that are to be seen."""
    headings = browser.find_elements("css selector", "section.pane h2")
    return [heading.text for heading in headings if heading.is_displayed()]


def drawn(browser: Any) -> list[str]:
    groups = browser.find_elements("css selector", "svg .pane")
    return [one.get_attribute("class") for one in groups if one.is_displayed()]


def test_every_element_can_be_chosen(browser, folder, lesson) -> None:
    choose_every(browser, folder, lesson)


def test_every_element_can_be_chosen_without_javascript(folder, lesson) -> None:
    chrome = start(**WITHOUT_SCRIPT)
    try:
        choose_every(chrome, folder, lesson)
    finally:
        chrome.quit()


def choose_every(browser: Any, folder: Path, lesson: Any) -> None:
    visit(browser, folder, "lesson")
    assert drawn(browser) == [f"pane e{lesson.chosen}"]
    for number, found in enumerate(lesson.explanations):
        browser.find_element("css selector", f"#e{number}").click()
        gradient = f"{found.gradient:.4g}".replace("-", "−")
        (heading,) = shown(browser)
        assert heading.endswith(f"= {gradient}")
        assert drawn(browser) == ([f"pane e{number}"] if found.chains else [])


def test_a_keyboard_moves_through_the_elements(browser, folder) -> None:
    from selenium.webdriver.common.keys import Keys

    visit(browser, folder, "lesson")
    first = browser.find_element("css selector", "input:checked")
    first.send_keys(Keys.ARROW_RIGHT)
    second = browser.find_element("css selector", "input:checked")
    assert first.get_attribute("id") != second.get_attribute("id")
    assert len(shown(browser)) == 1


def test_the_formula_is_typeset(browser, folder) -> None:
    visit(browser, folder, "lesson")
    script = (
        "const all = [...document.querySelectorAll('.pane:not(g) math')]"
        ".filter(m => m.checkVisibility());"
        "return all.map(m => [m.getBoundingClientRect().height, m.querySelector('mfrac') !== null])"
    )
    formulas = browser.execute_script(script)
    assert len(formulas) == 2
    assert all(height > 30 and fraction for height, fraction in formulas)
