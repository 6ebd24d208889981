"""The page in a real browser: no errors, sorting and searching, a phone's width, no JavaScript.

Without Chromium these are skipped, unless KERASAUDIT_REQUIRE_BROWSER=1 says that they must run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from kerasaudit import report
from kerasaudit.reconciliation.result import Failure

pytestmark = pytest.mark.browser

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)


def start(**preferences: Any) -> Any:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        message = "chromium and chromedriver are not installed"
        if os.environ.get("KERASAUDIT_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in _FLAGS:
        options.add_argument(flag)
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chrome = start()
    yield chrome
    chrome.quit()


@pytest.fixture
def folder(tmp_path, digits, broken, hostile, audits):
    """Reports of all kinds: one audit, several, an index."""
    digits.save(tmp_path / "digits.html")
    hostile.save(tmp_path / "hostile.html")
    broken.save(tmp_path / "broken.html")
    audits.deep(40).save(tmp_path / "deep.html")
    every = [digits, broken, hostile, Failure("gone.py", "gone.py: " + "no such file " * 20)]
    report.save(every, tmp_path / "several.html")
    report.save(every, f"{tmp_path}/reports/")
    return tmp_path


PAGES = ("digits", "hostile", "broken", "deep", "several", "reports/index")


def visit(browser: Any, folder: Any, name: str, *, width: int = 1280, dark: bool = False) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.get((folder / f"{name}.html").as_uri())


def first_cells(browser: Any) -> list[str]:
    script = (
        "return [...document.querySelectorAll('.layers tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.querySelector('th').textContent)"
    )
    names: list[str] = browser.execute_script(script)
    return names


def heading(browser: Any, text: str) -> Any:
    return browser.find_element("xpath", f"//section[contains(@class,'layers')]//th[.='{text}']")


@pytest.mark.parametrize("name", PAGES)
def test_no_errors(browser, folder, name) -> None:
    visit(browser, folder, name)
    assert browser.get_log("browser") == []
    assert "owned" not in browser.title.replace("<script>document.title='owned'</script>", "")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 390, 760, 1280])
def test_the_page_itself_never_scrolls_sideways(browser, folder, name, width) -> None:
    visit(browser, folder, name, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_sorting_and_the_way_back(browser, folder) -> None:
    visit(browser, folder, "digits")
    graph = ["x", "conv2d", "pool", "conv2d_1", "pool_1", "flat", "dense"]
    assert first_cells(browser) == graph
    derived = heading(browser, "Derived")
    button = derived.find_element("tag name", "button")
    button.click()
    assert derived.get_attribute("aria-sort") == "descending"
    assert first_cells(browser)[:3] == ["conv2d_1", "dense", "conv2d"]
    button.click()
    assert derived.get_attribute("aria-sort") == "ascending"
    assert first_cells(browser)[-3:] == ["conv2d", "dense", "conv2d_1"]
    layer = heading(browser, "Layer")
    layer.find_element("tag name", "button").click()
    assert derived.get_attribute("aria-sort") is None
    assert first_cells(browser) == sorted(graph)
    browser.find_element("css selector", ".layers .order").click()
    assert layer.get_attribute("aria-sort") is None
    assert first_cells(browser) == graph


def test_unknown_stands_last_in_either_direction(browser, folder) -> None:
    visit(browser, folder, "broken")
    button = heading(browser, "Derived").find_element("tag name", "button")
    for _ in range(2):
        button.click()
        assert set(first_cells(browser)[2:]) == {"mine", "after"}


def test_searching(browser, folder) -> None:
    visit(browser, folder, "digits")
    field = browser.find_element("css selector", ".layers input")
    field.send_keys("conv2d 3·3")
    assert first_cells(browser) == ["conv2d", "conv2d_1"]
    assert browser.find_element("css selector", ".layers output").text == "2 of 7 layers"
    heading(browser, "Derived").find_element("tag name", "button").click()
    assert first_cells(browser) == ["conv2d_1", "conv2d"]
    field.clear()
    field.send_keys("x")
    field.send_keys("\ue003")  # backspace
    assert len(first_cells(browser)) == 7


def test_keyboard_alone(browser, folder) -> None:
    visit(browser, folder, "digits")
    button = heading(browser, "Layer").find_element("tag name", "button")
    button.send_keys("\ue007")  # enter
    assert heading(browser, "Layer").get_attribute("aria-sort") == "ascending"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(outline) == "solid"


def test_the_models_of_an_index_sort_and_lead_to_their_pages(browser, folder) -> None:
    visit(browser, folder, "reports/index")
    browser.find_element("xpath", "//th[.='Derived']/button").click()
    link = browser.find_element("css selector", "tbody a")
    assert link.text == "digits"
    link.click()
    assert browser.title == "digits · kerasaudit"


def test_without_javascript_everything_is_readable(folder) -> None:
    chrome = start(**{"profile.managed_default_content_settings.javascript": 2})
    try:
        visit(chrome, folder, "digits")
        assert not chrome.find_element("css selector", ".tools").is_displayed()
        assert not chrome.find_elements("css selector", "thead button")
        text = chrome.find_element("tag name", "body").text
        for words in ("18,496", "2,440,960", "64 × 3 × 3 = 567", "(None, 11, 11, 64)"):
            assert words in text
        weights = chrome.find_element("css selector", "details ul")
        assert not weights.is_displayed()
        chrome.find_element("css selector", "summary").click()
        assert weights.is_displayed()
    finally:
        chrome.quit()


_CONTRAST = """
const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = e => {
  for (; e; e = e.parentElement) {
    const color = parse(getComputedStyle(e).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
};
const low = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || !e.getClientRects().length || e.closest("button:disabled, svg")) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) low.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
}
return low;
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["digits", "broken", "several", "reports/index"])
def test_contrast_is_aa(browser, folder, name, dark) -> None:
    visit(browser, folder, name, dark=dark)
    assert browser.execute_script(_CONTRAST) == []
