"""HTML of a run: one self-contained page that says everything and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kerasaudit import report
from kerasaudit.gradients.rows import Bands
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.gradients import charts, images

_SPEC = importlib.util.spec_from_file_location(
    "report_png_tests", Path(__file__).with_name("test_png.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
_PNG = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_PNG)
_HTML_SPEC = importlib.util.spec_from_file_location(
    "report_html_tests", Path(__file__).with_name("test_html.py")
)
assert _HTML_SPEC is not None
assert _HTML_SPEC.loader is not None
_HTML = importlib.util.module_from_spec(_HTML_SPEC)
_HTML_SPEC.loader.exec_module(_HTML)
_HTML.VOID.add("img")
Page = _HTML.Page


@pytest.fixture(scope="module")
def source(trained) -> str:
    return report.render([trained], "html")


@pytest.fixture
def page(source) -> Page:
    return Page(source)


def pixels(uri: str) -> list[list[int]]:
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    rows: list[list[int]] = _PNG.decoded(base64.b64decode(data))[1]
    return rows


def test_it_says_what_the_run_says(page) -> None:
    for words in (
        "Recorded steps 900 (0 to 1,798), 1 skipped after an overflow",
        "Recorded every 2 steps",
        "6 of 9 with a gradient",
        "Optimizer Adam",
        "1.2 % of the training's time, on the host",
        "KA405 dead conv2d/kernel",
        "Lower the learning rate, or initialise the bias above 0",
        "1 recorded loss was not finite",
        "kernel (3, 3, 1, 32) · 32 kernels of 9 elements 1 always 0 not finite on 1 step",
        "conv2d/kernel Conv2D 32 4.2 1.48 0.694 6.43 0.000434 1 1",
        "auxiliary/kernel Dense (64, 4) disconnected its gradient is None",
        "900 recorded steps in 75 columns of 12.",
        "Identical kernels were not looked for: mean is not recorded.",
        "backend tensorflow 2.21.0 · keras 3.15.1",
        "Weight ±0.392",
    ):
        assert words in page.text


def test_findings_come_first_with_their_evidence(page) -> None:
    assert page.text.index("KA405") < page.text.index("Recorded steps")
    assert "at step 1,222" in re.sub(r"(?<=[a-z])(?=\d)", " ", page.text)


def test_nothing_is_fetched_and_only_its_own_script_runs(source, page) -> None:
    policy = page.all("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for _, attributes in page.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert re.match(r"#|data:,$", attributes.get("href") or "#")
        assert re.match(
            r"data:image/png;base64,[A-Za-z0-9+/=]+$",
            attributes.get("src") or "data:image/png;base64,A",
        )
    assert "http" not in source.replace("http-equiv", "")
    assert "url(" not in source


def test_accessible_structure(runs, trained) -> None:
    for results in (
        [trained],
        [runs.hostile()],
        [runs.empty()],
        [trained, runs.plain(), Failure("x", "gone")],
    ):
        page = Page(report.render(results, "html"))
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
        assert len(page.all("caption")) == len(page.all("table"))
        assert all("scope" in cell for cell in page.all("th"))
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert all(image["alt"] for image in page.all("img"))
        for chart in page.all("svg"):
            assert chart.get("aria-hidden") == "true" or chart["aria-label"]


def test_hostile_names_are_text(runs) -> None:
    source = report.render([runs.hostile()], "html")
    page = Page(source)
    assert len(page.all("script")) == 1
    assert runs.SCRIPT in page.text
    assert "\x1b" not in source
    assert "\\x1b[31mred\\x07" in page.text
    assert runs.FORMULA in page.text


def test_several_runs_have_a_table_of_them(runs, trained) -> None:
    page = Page(report.render([trained, runs.plain(), Failure("gone", "no such run")], "html"))
    assert [a["href"] for a in page.all("a")] == ["#r0", "#r1"]
    assert "1 not read ✗ not read gone no such run" in page.text


def test_a_run_of_nothing(runs) -> None:
    page = Page(report.render([runs.empty()], "html"))
    assert "incomplete" in page.text
    assert "Recorded steps none" in page.text
    assert page.all("img") == []
    assert "no step was recorded" in page.text
    assert Page(report.render([Failure("gone", "no such run")], "html"))


# -- size -----------------------------------------------------------------------------------------


def test_a_run_of_resnet50_of_10000_steps_stays_under_a_megabyte(runs) -> None:
    run = runs.resnet50(10_000)
    # 53 convolutions with a bias, 53 normalisations, one dense layer: 214 weights.
    assert len(run.weights) == 2 * 53 + 2 * 53 + 2
    assert run.kernels == 4 * 26_560 + 2 * 1000
    source = report.render([run], "html")
    assert len(source.encode()) < 1_000_000
    assert source.count('class="heat"') == 214 + 1
    text = Page(source).text
    assert "10,000 recorded steps in 40 columns of 256." in text
    # 29 rows: 2,048 kernels are 71 in each.
    assert "214 of 214 heat maps have up to 71 kernels in a row." in text
    # Nor do findings without number fill the page.
    found = runs.finding(
        "KA402",
        "conv1_conv/kernel",
        "m" * 400,
        name="vanishing",
        layer="conv1_conv",
        weight="kernel",
        evidence={f"figure {n}": n / 3 for n in range(6)},
        advice="a" * 200,
    )
    source = report.render([replace(run, findings=(found,) * 5000)], "html")
    assert len(source.encode()) < 1_000_000
    assert "4,900 more stand in the JSON report." in source


# -- images ---------------------------------------------------------------------------------------


def test_a_heat_map_marks_what_is_zero_and_what_is_not_finite(trained) -> None:
    shades = images.shades_of(trained)
    assert shades is not None
    rows = pixels(shades.map(trained.weights[0].heat).uri)
    assert (len(rows), len(rows[0])) == (32, 75)
    column = 611 // 12
    assert {row[column] for row in rows} == {2}
    assert set(rows[21]) == {1, 2}
    assert all(place >= 3 for row in rows[:21] for i, place in enumerate(row) if i != column)


def test_larger_figures_have_later_shades(runs) -> None:
    plain = runs.plain()
    shades = images.shades_of(plain)
    assert shades is not None
    assert shades.colors[0] == "#173a74"
    assert shades.colors[-1] == "#fee838"
    # The scale is 10⁰ to 10¹ in 61 shades: 4 at 0.602 of it, 2 at 0.301, 3 at 0.477, 1 at 0.
    assert pixels(shades.map(plain.weights[0].heat).uri) == [[3 + 36, 3 + 18], [3 + 29, 3]]


def test_kernels_are_a_pixel_apart_on_a_scale_with_0_in_its_middle(trained) -> None:
    ((one, top, other, slope),) = images.kernels(trained.weights[0].pictures)
    rows = pixels(one.uri)
    assert (len(rows), len(rows[0])) == (4 * 4 - 1, 8 * 4 - 1)
    assert {rows[3][i] for i in range(31)} == {row[3] for row in rows} == {0}
    assert max(map(max, rows)) == 3 + 60 or min(p for r in rows for p in r if p) == 3
    assert (top, slope) == (pytest.approx(0.392, abs=1e-3), pytest.approx(0.0734, abs=1e-4))
    dead = [row[20:23] for row in pixels(other.uri)[8:11]]  # kernel 21: third row, sixth
    assert dead == [[33] * 3] * 3


# -- charts ---------------------------------------------------------------------------------------


def bands(*series: float | None) -> Bands:
    low, median, high = (tuple(s and s * f for s in series) for f in (0.1, 1, 10))
    return Bands(low, low, median, high, high)


def test_a_distribution_between_powers_of_ten() -> None:
    chart = charts.distribution(bands(1.0, 1.0, 1.0), "words")
    assert chart is not None
    assert (chart.top, chart.bottom) == ("10¹", "10⁻¹")
    assert '<path class="line" d="M0 60l10 0 10 0"/>' in chart.svg
    assert '<path class="outer" d="M0 0l10 0 10 0 0 120-10 0-10 0z"/>' in chart.svg
    assert '<path class="rule" d="M0 60H20"/>' in chart.svg


def test_a_gap_parts_a_chart_and_a_column_alone_has_a_width() -> None:
    chart = charts.distribution(bands(1.0, None, 1.0, 1.0), "words")
    assert chart is not None
    assert '<path class="line" d="M0 60l10 0M20 60l10 0"/>' in chart.svg
    one = charts.distribution(bands(1.0), "words")
    assert one is not None
    assert 'd="M0 60l10 0"' in one.svg


def test_no_chart_where_there_is_nothing(trained) -> None:
    assert charts.distribution(bands(None, None), "words") is None
    assert charts.distribution(bands(0.0, 0.0), "words") is None
    line = replace(trained.timelines[0], loss_min=(None,), loss_max=(None,), learning_rate=(None,))
    assert charts.loss(line, "words") is None
    assert charts.learning_rate(line, "words") is None


def test_descriptions_are_escaped() -> None:
    chart = charts.distribution(bands(1.0), '"><script>')
    assert chart is not None
    assert "<script" not in chart.svg
