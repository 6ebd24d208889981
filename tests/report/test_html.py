"""HTML: one self-contained page that says everything and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from kerasaudit import report
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report import svg

VOID = {"meta", "link", "input", "wbr"}


class Page(HTMLParser):
    """Elements with their attributes, the text, and whether every element is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.struck: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("dd", "td", "th"):
            self.words.append(" ")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)
            if "del" in self.open:
                self.struck.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(digits) -> Page:
    return Page(report.render([digits], "html"))


def test_it_says_what_the_audit_says(page) -> None:
    for words in (
        "kh·kw·C_in·K + K = 3·3·32·64 + 64 = 18,496",
        "34,826",
        "2,440,960",
        "7 of 7 layers, 100 % of layers derived",
        "(None, 28, 28, 1) → (None, 10)",
        "1 erratum in the source",
        "1 confirmed, 1 erratum",
        "claimed 18,496 · derived 18,496",
        "keras 3.15.1 · kerasaudit 0.1.0",
        "kernel (3, 3, 32, 64) kh=3 · kw=3 · C_in=32 · K=64* float32",
        "Source: the notes, page 1",
        "Bytes of parameters, float32 139,304",
        "Bytes alive at once 108,160",
        # conv2d_1: bytes, activations, receptive field
        "2,230,272 73,984 7,744 8×8 / 2 (None, 11, 11, 64)",
    ):
        assert words in page.text
    assert page.struck == ["64 × 3 × 3 = 567"]
    assert len(page.all("ins")) == 1


def test_the_rows_stand_in_graph_order(page, digits) -> None:
    body = page.text[page.text.index("Layers Search") :]
    order = [body.index(row.path) for row in digits.layers if row.path not in ("x", "flat")]
    assert order == sorted(order)


def test_nothing_is_fetched_and_only_its_own_script_runs(digits) -> None:
    source = report.render([digits], "html")
    page = Page(source)
    policy = page.all("meta")[1]["content"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for _, attributes in page.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        for name in ("src", "href"):
            assert re.match("#|data:,$", attributes.get(name) or "#")
    assert "http" not in source.replace("http-equiv", "")
    assert "@import" not in source
    assert "url(" not in source


def test_accessible_structure(digits, broken) -> None:
    for results in ([digits], [broken], [digits, broken, Failure("gone.py", "no such file")]):
        page = Page(report.render(results, "html"))
        assert page.all("html")[0]["lang"] == "en"
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
        assert len(page.all("caption")) == len(page.all("table"))
        assert all("scope" in cell for cell in page.all("th"))
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        for chart in (c for c in page.all("svg") if c.get("role") == "img"):
            assert set((chart["aria-labelledby"] or "").split()) <= set(ids)


def test_hostile_names_are_text(hostile, audits) -> None:
    source = report.render([hostile], "html")
    page = Page(source)
    assert len(page.all("script")) == 1
    assert audits.SCRIPT in page.text
    assert "\x1b" not in source
    assert "\\x1b[31mred\\x07" in page.text
    assert audits.FORMULA in page.text
    assert audits.SCRIPT not in hostile._repr_html_()


def test_findings_come_first_and_unknown_is_a_word(broken) -> None:
    page = Page(report.render([broken], "html"))
    assert page.text.index("KA101") < page.text.index("Parameters, derived unknown")
    for words in (
        "Difference -4",
        "Likely cause the observed shapes equal units=2",
        "? unsupported",
    ):
        assert words in page.text
    assert page.struck == ["4 × 3 = 13"]


def test_several_audits_have_a_table_of_them(digits, broken) -> None:
    page = Page(report.render([digits, broken, Failure("gone.py", "no such file")], "html"))
    assert [a["href"] for a in page.all("a")] == ["#a0", "#a1"]
    assert [a["id"] for a in page.all("article")] == ["a0", "a1"]
    assert "1 not audited ✗ not audited gone.py no such file" in page.text


def test_a_report_of_nothing_and_of_failures_alone() -> None:
    assert "0 models" not in Page(report.render([], "html")).text
    assert "no such file" in Page(report.render([Failure("gone.py", "no such file")], "html")).text


def test_the_size_stays_under_a_megabyte(audits) -> None:
    # NASNetLarge, the largest of keras.applications, has 1,041 layers; half of them hold weights.
    source = report.render([audits.deep(1500)], "html")
    assert len(source.encode()) < 1_000_000
    assert "18,000" in source  # 1,500 layers of 12


def test_the_notebook_fragment(digits, audits) -> None:
    fragment = digits._repr_html_()
    page = Page(fragment)
    assert "kh·kw·C_in·K + K = 3·3·32·64 + 64 = 18,496" in page.text
    assert "erratum conv2d_1: 64 × 3 × 3 = 567 64 × 3 × 3 = 576" in page.text
    assert {"script", "style", "link"}.isdisjoint(tag for tag, _ in page.elements)
    assert "70 more layers" in Page(audits.deep(100)._repr_html_()).text


# -- the bar --------------------------------------------------------------------------------------


def test_the_bar_holds_every_parameter_once(digits, audits) -> None:
    for audit in (digits, audits.deep(100), audits.hostile()):
        stretches = svg.segments(audit.layers)
        assert sum(stretch.params for stretch in stretches) == audit.totals.derived
        assert sum(stretch.share for stretch in stretches) == pytest.approx(1)


def test_large_layers_stand_alone_in_graph_order(digits) -> None:
    stretches = svg.segments(digits.layers)
    assert [(s.label, s.params) for s in stretches] == [
        ("conv2d", 320),
        ("conv2d_1", 18496),
        ("dense", 16010),
    ]
    assert [s.hue for s in stretches] == ["others", "h0", "h1"]  # 320 is under 4 % of 34,826


def test_small_layers_stand_together(audits) -> None:
    # 100 equal layers of 1 % each: ten runs of ten.
    stretches = svg.segments(audits.deep(100).layers)
    assert [s.params for s in stretches] == [120] * 10
    assert stretches[0].label == "10 layers, dense_0 … dense_9"


def test_narrow_runs_stand_at_the_end(digits) -> None:
    large = replace(digits.layers[1], path="large", derived=100_000)
    small = replace(digits.layers[1], path="small", derived=10)
    stretches = svg.segments([large, small] * 4)
    assert [s.label for s in stretches] == ["large"] * 4 + ["4 small layers between them"]
    assert stretches[-1].params == 40


def test_no_bar_where_nothing_is_known(digits) -> None:
    unknown = replace(digits.layers[1], derived=None, observed=None)
    assert svg.segments([unknown]) == ()
    assert 'class="bar"' not in report.render([replace(digits, layers=(unknown,))], "html")
