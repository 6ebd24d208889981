"""Marked figures in prose: found, judged against both sides, and mended in the form they have."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.errors import MarkError
from kerasaudit.reconciliation.findings import KINDS
from kerasaudit.reconciliation.prose.document import Document, check_documents
from kerasaudit.reconciliation.prose.mark import Mark, filled, read_mark
from kerasaudit.reconciliation.prose.page import read_comments
from kerasaudit.reconciliation.prose.written import read_figure
from kerasaudit.reconciliation.result import Failure
from kerasaudit.reconciliation.truth import QUANTITIES

# 3·3·1·32 + 32 in the convolution, 26·26·32 inputs of the dense layer.
CONV = 3 * 3 * 1 * 32 + 32
DENSE = 26 * 26 * 32 * 10 + 10
PARAMS = CONV + DENSE
MACS = 26 * 26 * (3 * 3 * 1 * 32) + 26 * 26 * 32 * 10


def config(filters=32, custom=False):
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 28, 28, 1]}},
        {"class_name": "Conv2D", "config": {"name": "conv", "filters": filters, "kernel_size": 3}},
        {"class_name": "Flatten", "config": {"name": "flat"}},
        {"class_name": "Dense", "config": {"name": "out", "units": 10}},
    ]
    if custom:
        layers.append({"class_name": "Mine", "config": {"name": "mine"}})
    return {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.json").write_text(json.dumps(config()))
    (tmp_path / "own.json").write_text(json.dumps(config(custom=True)))
    return tmp_path


def check(text, fix=False, name="a.md"):
    content = text.encode() if isinstance(text, str) else text
    Path(name).write_bytes(content)
    [document] = check_documents([name], fix=fix)
    assert isinstance(document, Document)
    return document


def read(name="a.md"):
    return Path(name).read_bytes()


def mark(asked, target="net.json"):
    return f"<!-- kerasaudit: {target} {asked} -->"


def statuses(document):
    return [claim.status for claim in document.claims]


# -- what is judged ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "figure"),
    [
        ("params", f"{PARAMS:,}"),
        ("conv params", "320"),
        ("trainable_params", f"{PARAMS}"),
        ("non_trainable_params", "0"),
        ("macs", f"{MACS:,}"),
        ("conv macs", f"{26 * 26 * 9 * 32:,}"),
        ("flops", f"{2 * MACS:,}"),
        ("bytes", f"{4 * PARAMS:,}"),
        ("conv bytes", "1280"),
        ("conv activations", f"{26 * 26 * 32:,}"),
        ("conv activation_bytes", f"{4 * 26 * 26 * 32:,}"),
        ("layers", "4"),
        ("output_shape", "10"),
        ("conv output_shape", "26 × 26 × 32"),
        ("conv feature_maps", "32"),
        ("conv receptive_field", "3 × 3"),
    ],
)
def test_each_quantity_is_held_against_arithmetic(folder, asked, figure):
    document = check(f"It is {mark(asked)}{figure}, says the source.")
    assert statuses(document) == ["ok"], document.findings
    assert document.status == "ok"
    wrong = check(f"It is {mark(asked)}{'9 × 9' if '×' in figure else 9}, says the source.")
    assert statuses(wrong) == ["wrong"]
    assert wrong.claims[0].replacement == re.sub("[0-9]{4,}", lambda n: f"{int(n[0]):,}", figure)
    [found] = wrong.findings
    assert (found.code, found.location.file, found.location.line) == ("KA207", "a.md", 1)


def test_every_quantity_is_known_of_a_whole_config(folder):
    for name, quantity in QUANTITIES.items():
        layer = "" if quantity.of_model else "conv "
        figure = "1 × 1" if quantity.kind == "shape" else "1"
        document = check(f"{mark(layer + name)}{figure}")
        assert statuses(document) == ["wrong"], name


def test_the_message_says_what_a_reviewer_needs(folder):
    (folder / "net.json").write_text(json.dumps(config(filters=33)))
    params = 9 * 33 + 33 + 26 * 26 * 33 * 10 + 10
    [found] = check(f"one\n\nThe net has {mark('params')}{PARAMS:,} parameters").findings
    assert found.message == (f"parameters of net.json: written as {PARAMS:,}, derived {params:,}")
    assert (found.expected, found.observed) == (f"{params:,}", f"{PARAMS:,}")
    assert found.difference == PARAMS - params
    assert found.location.line == 3
    [found] = check(f"{mark('conv params')}320").findings
    assert "derived 330 (kh·kw·C_in·K + K = 3·3·1·33 + 33)" in found.message


def test_both_sides_are_asked_and_where_they_part_nothing_is_written(folder):
    (folder / "two.py").write_text(
        "import keras\n"
        "class Odd(keras.layers.Dense):\n"
        "    pass\n"
        "def net():\n"
        "    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name='out')])\n"
        "    return model\n"
        "def odd():\n"
        "    model = net()\n"
        "    layer = model.layers[0]\n"
        "    layer._tracker.unlock()\n"
        "    layer.more = layer.add_weight(shape=(3,), name='more')\n"
        "    return model\n"
    )
    text = f"{mark('params', 'two.py::net')}10 {mark('params', 'two.py::odd')}10"
    document = check(text, fix=True)
    right, parted = document.claims
    assert (right.derived, right.observed, right.status) == (10, 10, "ok")
    assert (parted.derived, parted.observed) == (10, 13)
    assert (parted.status, parted.replacement) == ("wrong", None)
    assert read().decode() == text
    assert "derived 10 and observed 13" in document.findings[0].message


def test_what_is_not_known_is_no_pass_and_is_not_written(folder):
    text = f"{mark('params', 'own.json')}7 {mark('conv params', 'own.json')}7"
    document = check(text, fix=True)
    assert statuses(document) == ["unjudged", "fixed"]
    assert document.status == "incomplete"
    assert [found.code for found in document.findings] == ["KA205"]
    assert read().decode() == text[:-1] + "320"


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (mark("parms") + "1", "KA208", "no quantity is named parms; did you mean params?"),
        (mark("weight of it all") + "1", "KA208", "of the form TARGET [LAYER] QUANTITY"),
        ("<!-- kerasaudit: -->1", "KA208", "received nothing"),
        ("<!-- kerasaudit: net.json -->1", "KA208", "received net.json"),
        ('<!-- kerasaudit: "net.json params -->1', "KA208", "quotation mark is not closed"),
        ("a <!-- kerasaudit: net.json params 1", "KA208", "the comment is not closed"),
        ("<!-- kerasaudit: net.json params 1\n\nmore", "KA208", "the comment is not closed"),
        (mark("params") + "many", "KA208", "expected a figure such as 61,706 next, received many"),
        (mark("params") + "\n\n1", "KA208", "received nothing"),
        (mark("conv output_shape") + "wide", "KA208", "such as 26 × 26 × 32"),
        (mark("params", "nowhere.json") + "1", "KA208", "nowhere.json: no such file"),
        (mark("params", "broken.json") + "1", "KA208", "broken.json"),
        (mark("conv9 params") + "1", "KA204", "no layer has the path 'conv9'; the model has x"),
        (mark("conv layers") + "1", "KA208", "layers is of a whole model"),
        (mark("receptive_field") + "1", "KA208", "receptive_field is of a layer"),
        ("<!-- kerasaudit: table target=net.json params=P -->1", "KA208", "expected a table"),
        ("a <!-- kerasaudit: table target=net.json params=P -->", "KA208", "expected a table"),
        ("<!-- kerasaudit: table params=P -->", "KA208", "expected a mark of the form table"),
        ("<!-- kerasaudit: table target=net.json -->", "KA208", "form table target=TEMPLATE"),
        ("<!-- kerasaudit: table target=a target=b -->", "KA208", "target= stands twice"),
    ],
)
def test_a_mark_that_cannot_be_followed_is_one_line_and_the_others_are_judged(
    folder, text, code, told
):
    (folder / "broken.json").write_text("{")
    document = check(f"{mark('params')}{PARAMS}\n\n{text}")
    [found] = document.findings
    assert found.code == code
    assert told in found.message
    assert "\n" not in found.message
    assert found.location.line == 3
    assert statuses(document)[0] == "ok"
    assert found.incomplete == KINDS[code].incomplete


def test_each_target_is_audited_once(folder):
    started = []
    (folder / "a.md").write_text(f"{mark('params')}1 {mark('conv params')}2")
    (folder / "b.md").write_text(f"{mark('macs')}3 {mark('params', 'own.json')}4")
    check_documents(["a.md", "b.md", "./a.md"], started=lambda *given: started.append(given))
    assert started == [("net.json", 0, 2), ("own.json", 1, 2)]
    assert len(check_documents(["a.md", "b.md", "./a.md"])) == 2


# -- where marks are --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "```\n{}1\n```",
        "~~~ html\n{}1\n~~~",
        "- item\n\n  ```\n  {}1\n  ```",
        "> ```\n> {}1\n> ```",
        "text\n\n    {}1\n",
        "so: `{}1` it is",
        "so: ``a ` {}1`` it is",
        "so: \\{}1 it is",
        "<!-- of old: {} 1",
        "```\nnever closed\n{}1",
        "\ufeff```\n{}1\n```\n",
        "| `{}1` |\n|---|\n| a |",
    ],
)
def test_a_mark_in_code_is_an_example(folder, text):
    document = check(text.format(mark("params")))
    assert document.claims == ()
    assert document.status == "ok"


@pytest.mark.parametrize(
    "text",
    [
        "# A net of {}\n",
        "A net of {}\n===\n",
        "{} parameters begin a line",
        "- a\n  - b {}\n",
        "> quoted {} figure",
        "a stray ` and {} after it",
        "a \\`{}\\` b",
        "`code` {} `code`",
        "<table><tr>\n<td>{}</td>\n</tr></table>",
        "| a | b |\n|---|---|\n| `x\\|y` | {} |\n",
        "> | a | b |\n> |---|---|\n> | x | {}\n",
        "a\n{}\nb\x0c\x0b\u2028 c",
        "<!--> {} <!---> x",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_mark_elsewhere_is_one(folder, text, newline):
    whole = text.format(f"{mark('params')}7").replace("\n", newline)
    document = check(whole, fix=True)
    assert statuses(document) == ["fixed"]
    assert read().decode() == text.format(f"{mark('params')}{PARAMS:,}").replace("\n", newline)


def test_a_line_may_end_between_a_mark_and_its_figure(folder):
    assert statuses(check(f"> It has {mark('conv params')}\n> 320 parameters")) == ["ok"]
    assert statuses(check(f"{mark('conv params')}\n**320** parameters")) == ["ok"]
    assert statuses(check(f"{mark('conv params')}\n\n320 parameters")) == ["unreadable"]
    assert statuses(check("<!-- kerasaudit:\n net.json\n conv params -->320")) == ["ok"]


def test_lines_and_columns_are_those_of_the_figure(folder):
    [claim] = check(f"one\r\ntwo {mark('params')}**1**").claims
    assert (claim.line, claim.column) == (2, len(f"two {mark('params')}**") + 1)


def test_comments_of_others_are_no_marks(folder):
    assert check("<!-- audit --> 1 <!-- kerasaudit --> 2").claims == ()


@given(st.text(alphabet="`<!->\\ab|\n \r\t#~*", max_size=60))
@settings(max_examples=200)
def test_any_text_is_read(text):
    for comment in read_comments(text):
        assert text.startswith("<!--", comment.start)
        assert comment.start < comment.end <= comment.reach <= len(text)


# -- the figure as written --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "value", "other", "rewritten"),
    [
        ("61,706", "count", 61706, 61707, "61,707"),
        ("61706 of", "count", 61706, 1061707, "1061707"),
        ("706", "count", 706, 61707, "61,707"),
        ("61_706", "count", 61706, 1061707, "1_061_707"),
        ("61\u202f706.", "count", 61706, 61707, "61\u202f707"),
        ("61.7k", "count", 61706, 61751, "61.8k"),
        ("62 K,", "count", 61706, 62501, "63 K"),
        ("0.42M", "count", 416520, 425001, "0.43M"),
        ("25.6 million ones", "count", 25_636_712, 1_557_611_200, "1,557.6 million"),
        ("4.1 GMACs", "count", 4_089_184_256, 10**6, "0.001 G"),
        ("4.1 GFLOPs", "count", 4_089_184_256, 5 * 10**9, "5.0 G"),
        ("580 MACs", "count", 580, 581, "581"),
        ("580MACs", "count", 580, 581, "581"),
        ("16 MBConv blocks", "count", 16, 17, "17"),
        ("1.6B", "count", 1_557_611_200, 40, "0.00000004B"),
        ("60 k-fold", "count", 60_000, 61_000, "61 k"),
        ("1558M", "count", 1_557_611_200, 20_000_000_000, "20000M"),
        ("**61,706**", "count", 61706, 5, "5"),
        ("_61,706_", "count", 61706, 5, "5"),
        ("`61,706`", "count", 61706, 5, "5"),
        ("[61,706](x)", "count", 61706, 5, "5"),
        ("<b>61,706</b>", "count", 61706, 5, "5"),
        ("0", "count", 0, 1234, "1,234"),
        ("20 MiB", "bytes", 20 * 2**20 + 1, 21 * 2**20, "21 MiB"),
        ("80 kB", "bytes", 80_400, 81_000, "81 kB"),
        ("80.0KiB", "bytes", 80 * 1024, 100, "0.1KiB"),
        ("1280 B", "bytes", 1280, 1281, "1281 B"),
        ("1,280 bytes", "bytes", 1280, 1281, "1,281"),
        ("0.8 million bytes", "bytes", 810_000, 910_000, "0.9 million"),
        ("26 × 26 × 32", "shape", (26, 26, 32), (5, 6, 7), "5 × 6 × 7"),
        ("26x26×32.", "shape", (26, 26, 32), (5, 6, 7), "5x6×7"),
        ("(26, 26, 32)", "shape", (26, 26, 32), (5, 6, 7), "5, 6, 7"),
        ("(None, 26,32)", "shape", (26, 32), (5, 6, 7), "5,6,7"),
        ("10 classes", "shape", (10,), (5, 6), "5 × 6"),
        ("26 × 26", "shape", (26, 26), (7,), "7"),
    ],
)
def test_a_figure_is_read_and_written_in_its_form(text, kind, value, other, rewritten):
    written = read_figure(text, 0, len(text), kind)
    assert written.agrees_with(value)
    assert not written.agrees_with(other)
    assert written.rewritten(other) == rewritten
    assert text[written.start : written.end] == written.text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((text, "count") for text in ("", "many", "-5", "~61k", "4.1", "61 706", "61.706,5")),
        *((text, "count") for text in ("98%", "98 %", "61,7061", "61,70", "61,706x", "1/3", "6e7")),
        *(
            (text, "count")
            for text in ("10^6", "60–70k", "26×26", "20MB", "20 MiB", "60 mio", "9" * 5000, "v2x")
        ),
        *((text, "bytes") for text in ("MiB", "4.5", "20 MiBs", "61,706%")),
        *(
            (text, "shape")
            for text in ("26 × None", "(26, None)", "x", "26 × 26.5", "None", "9" * 5000)
        ),
    ],
)
def test_what_is_no_figure_is_refused(text, kind):
    with pytest.raises(MarkError, match="expected a figure such as"):
        read_figure(text, 0, len(text), kind)


def test_a_figure_rounded_to_nothing_says_nothing(folder):
    document = check(f"{mark('params')}0.0G", fix=True)
    assert statuses(document) == ["fixed"]
    assert document.claims[0].replacement == "0.0002G"  # 216,650 is 0.00021665 G


FORMS = st.tuples(
    st.sampled_from(["", ",", "_"]),
    st.integers(0, 3),
    st.sampled_from(["", "k", "K", " M", "G", " million", "B"]),
    st.sampled_from(["", "**", "`", "_"]),
).map(lambda form: form if form[2] else (form[0], 0, "", form[3]))


@given(st.integers(0, 10**13), st.integers(0, 10**13), FORMS)
@settings(max_examples=200)
def test_what_is_written_is_read_again_as_the_value(old, new, form):
    separator, decimals, suffix, emphasis = form
    digits = f"{old:,}".replace(",", separator) + (f".{7:0{decimals}d}" if decimals else "")
    text = f"{emphasis}{digits}{suffix}{emphasis} parameters"
    written = read_figure(text, 0, len(text), "count")
    again = text[: written.start] + written.rewritten(new) + text[written.end :]
    reread = read_figure(again, 0, len(again), "count")
    assert reread.agrees_with(new)
    assert reread.rewritten(new) == reread.text
    assert again[reread.end :] == text[written.end :]


# -- tables -----------------------------------------------------------------------------------

TABLE = """Intro

<!-- kerasaudit: table target={File} params=Parameters "macs=MACs, all" -->
| Name |  File      | Parameters | MACs, all |
|:-----|------------|-----------:|-----------|
| a    | `net.json` |        650 | 411k      |
| b    | net.json   |  **FIGURE** |           |
| c    | [net.json](x) |  FIGURE | –         |
|d|net.json|1|2|
| e

text
"""


def test_a_mark_above_a_table_binds_its_columns(folder):
    document = check(TABLE.replace("FIGURE", f"{PARAMS:,}"), fix=True)
    assert [(claim.line, claim.quantity, claim.status) for claim in document.claims] == [
        (6, "params", "fixed"),
        (6, "macs", "ok"),
        (7, "params", "ok"),
        (8, "params", "ok"),
        (9, "params", "fixed"),
        (9, "macs", "fixed"),
    ]
    lines = read().decode().split("\n")
    assert lines[5] == "| a    | `net.json` |    216,650 | 411k      |"
    assert lines[8] == f"|d|net.json|{PARAMS:,}|{MACS:,}|"


def test_a_cell_keeps_its_width_on_the_side_that_is_padded(folder):
    rows = [
        "| a | p       |     q |",
        "|---|---------|------:|",
        "| x | 1       |     2 |",
        "| x | 9999999 | 99999 |",
        "| x |    1    |1|",
    ]
    head = "<!-- kerasaudit: table target=net.json layer=conv params=p bytes=q -->"
    check("\n".join([head, *rows]), fix=True)
    assert read().decode().split("\n")[3:] == [
        "| x | 320     | 1,280 |",
        "| x | 320     |  1280 |",
        "| x |    320  |1,280|",
    ]


def test_a_table_of_layers_may_have_a_row_for_the_model(folder):
    document = check(
        "<!-- kerasaudit: table target=net.json layer={Layer} params=Parameters output_shape=Map "
        "-->\n| Layer | Map | Parameters |\n|---|---|--:|\n| conv | 26 × 26 × 32 | 320 |\n"
        f"| `out` | 10 | {DENSE:,} |\n| **Total** | | {PARAMS:,} |"
    )
    assert statuses(document) == ["ok"] * 5
    assert statuses(check(f"{mark('total receptive_field')}3 × 3")) == ["unjudged"]


def test_a_mark_in_a_cell_needs_no_mark_above(folder):
    text = f"| net | params |\n|---|--:|\n| a | {mark('conv params')}319 | \n| `a\\|b` | {{}} |"
    document = check(text.replace("{}", f"{mark('conv params')}32"), fix=True)
    assert statuses(document) == ["fixed", "fixed"]
    assert read().decode() == (
        text.replace("319", "320").replace("{}", f"{mark('conv params')}320")
    )


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("target={Fil} params=Parameters", "the table has no column 'Fil'; it has Name, File"),
        ("target=net.json params=Params", "the table has no column 'Params'"),
        ("target={File} layer={Name} params=Parameters", "no layer has the path"),
        ("target={Name}.json params=Parameters", "a.json: no such file"),
    ],
)
def test_a_table_s_mark_that_does_not_fit_is_told(folder, head, told):
    document = check(
        f"<!-- kerasaudit: table {head} -->\n| Name | File | Parameters |\n|-|-|-|\n"
        f"| a | net.json | {PARAMS} |"
    )
    assert len(document.findings) == 1
    assert told in document.findings[0].message


def test_templates_take_cells_by_header_whatever_its_case():
    assert filled("m/{MODEL}.py::{model}", {"Model": "a"}) == "m/a.py::a"
    assert read_mark('kerasaudit: "my nets/a.json" conv params') == Mark(
        "my nets/a.json", "conv", "params"
    )


# -- mending ----------------------------------------------------------------------------------


def test_all_but_the_figures_stays_byte_for_byte(folder):
    form = (
        f"\ufeffIt has {mark('params')}{{}}\r\n \t x\x0c {mark('macs')}**{{}}**\r\rüñ  "
        f"{mark('conv params')}{{}}"
    )
    check(form.format(1, "0.1M", 2), fix=True)
    assert read() == form.format(f"{PARAMS:,}", "0.4M", 320).encode()


def test_a_file_that_is_right_is_not_touched_and_one_that_is_not_keeps_its_mode(folder):
    check(f"{mark('params')}{PARAMS}")
    os.utime("a.md", ns=(1, 1))
    check_documents(["a.md"], fix=True)
    assert Path("a.md").stat().st_mtime_ns == 1
    behind, link = folder / "b.md", folder / "link.md"
    behind.write_text(f"{mark('params')}1")
    behind.chmod(0o640)
    link.symlink_to("b.md")
    check_documents(["link.md"], fix=True)
    assert link.is_symlink()
    assert behind.stat().st_mode & 0o777 == 0o640
    assert behind.read_text() == f"{mark('params')}{PARAMS:,}"


def test_a_file_that_changes_meanwhile_is_not_written(folder):
    (folder / "a.md").write_text(f"{mark('params')}1")
    changed = f"{mark('params')}1 and more"
    results = check_documents(
        ["a.md"], fix=True, started=lambda *_: (folder / "a.md").write_text(changed)
    )
    failure, document = results
    assert isinstance(failure, Failure)
    assert "changed while it was judged" in failure.message
    assert statuses(document) == ["wrong"]
    assert (folder / "a.md").read_text() == changed


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.md", "none.md: cannot be read: No such file or directory"),
        (".", ".: cannot be read: Is a directory"),
        ("latin.md", "latin.md:2: expected text in UTF-8, received the byte 0xfc"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(folder, name, told):
    (folder / "latin.md").write_bytes("one\nfür".encode("latin-1"))
    [failure] = check_documents([name])
    assert failure.message == told


PIECES = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["params", "conv params", "macs", "flops", "bytes", "layers"]),
            st.sampled_from(["1", "61,706", "5555", "61.7k", "0.42 M", "**9**", "`9G`"]),
        ),
        st.tuples(
            st.just("conv output_shape"), st.sampled_from(["1", "2 × 3", "(None, 4, 5)", "1x2x3"])
        ),
        st.sampled_from(["parms", "conv9 params", "params extra words"]).map(lambda a: (a, "1")),
        st.sampled_from(
            [" and ", "\n\n", "\r\n", "`code`", "\n\n```\n", "| ", "\n|---|\n", "\\", "> ", "- "]
        ),
    ),
    max_size=12,
)


@given(PIECES, st.booleans())
@settings(max_examples=80)
def test_fixing_is_idempotent_and_leaves_nothing_wrong(tmp_path_factory, pieces, bom):
    folder = tmp_path_factory.mktemp("prose")
    net, path = folder / "net.json", folder / "a.md"
    net.write_text(json.dumps(config()))
    text = ("\ufeff" if bom else "") + "".join(
        piece if isinstance(piece, str) else f"{mark(piece[0], f'{net}')}{piece[1]} "
        for piece in pieces
    )
    path.write_bytes(text.encode())
    [first] = check_documents([path], fix=True)
    once = path.read_bytes()
    [second] = check_documents([path], fix=True)
    assert path.read_bytes() == once
    expected = ["ok" if one == "fixed" else one for one in statuses(first)]
    assert statuses(second) == expected
    assert all(claim.replacement is None for claim in second.claims)
    # Outside the figures, but for the padding of cells, both texts are the same.
    assert outside(once.decode()) == outside(text)


def outside(text):
    """A text without what follows its marks up to a space, and without the padding of cells."""
    return re.sub(r"-->\(?[*`0-9.,×x() A-Za-z]*", "-->", text).replace(" ", "")
