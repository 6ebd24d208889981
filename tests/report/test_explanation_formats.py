"""The explained gradient of the notes' model in every format, and from the command line."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas
import pytest
from click.testing import CliRunner

from kerasaudit import report
from kerasaudit.backprop.lesson import Lesson
from kerasaudit.backprop.teaching import teach, teach_target
from kerasaudit.cli import command
from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.reconciliation.result import Failure

TARGET = "models/cnn_backpropagation.py::cnn_backpropagation"
ELEMENT = "conv2d/kernel[0,0,0,0]"


@pytest.fixture(scope="module")
def lesson():
    return teach_target(TARGET, ELEMENT)


def invoke(*arguments):
    return CliRunner().invoke(command, ["explain", *arguments])


def test_every_element_of_the_notes_model_is_explained(lesson):
    assert len(lesson.explanations) == 25
    assert lesson.explanation.weight == "conv2d/kernel"
    assert lesson.explanation.index == (0, 0, 0, 0)
    assert [str(grid.name) for grid in lesson.grids] == ["x", "y¹", "p¹", "y²", "p²", "o", "ŷ"]
    assert [grid.shape for grid in lesson.grids[:3]] == [(8, 8, 1), (8, 8, 1), (4, 4, 1)]
    assert [len(grid.winners) for grid in lesson.grids] == [0, 16, 0, 4, 0, 0, 0]


def test_the_formats_of_explanations():
    assert set(report.formats(Lesson)) == {"csv", "html", "json", "markdown", "terminal"}


def test_the_table_of_paths_sums_to_the_gradient(lesson):
    table = pandas.read_csv(io.StringIO(report.render([lesson], "csv")))
    assert table["product"].sum() == pytest.approx(lesson.explanation.gradient)
    assert table["element"].unique().tolist() == [ELEMENT]
    assert re.fullmatch(r"\d \d \d", table["x"][0])


def test_json_has_every_element(lesson):
    document = json.loads(report.render([lesson, Failure("a", "a: none")], "json"))
    assert document["errors"] == [{"target": "a", "message": "a: none"}]
    (explained,) = document["explanations"]
    assert len(explained["elements"]) == 25
    for element in explained["elements"]:
        products = [path["product"] for path in element["paths"]]
        assert sum(products) == pytest.approx(element["gradient"], abs=1e-9)
        assert len(products) == element["count"]
        for path in element["paths"]:
            assert np.prod(path["factors"]) == pytest.approx(path["product"], rel=1e-8)


def test_a_page_is_no_larger_than_a_megabyte_and_says_what_it_leaves_out(keras):
    layers = [keras.Input((14, 14, 1)), keras.layers.Conv2D(1, 3, padding="same", name="first")]
    layers += [keras.layers.Conv2D(1, 3, padding="same"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    x = np.linspace(-1, 1, 196).reshape(1, 14, 14, 1)
    lesson = teach(model, x, np.ones((1, 1)), "first/kernel", (1, 1, 0, 0), "mse")
    assert len(lesson.explanations) == 10 + 10 + 2  # two kernels and biases, the dense unit's two
    page = report.render([lesson], "html")
    assert len(page) <= 1_000_000
    shown = page.count('type="radio"')
    assert 1 < shown < 9
    assert f"{22 - shown} more elements are explained in the JSON report" in page
    assert re.search(r'id="e\d" checked><label[^>]*><i>K</i><sup>1</sup><sub>22</sub>', page)


@pytest.mark.parametrize("format_", ["terminal", "markdown"])
def test_what_people_read_shows_the_formula_and_its_sum(lesson, format_):
    text = " ".join(report.render([lesson], format_).split())
    gradient = f"{lesson.explanation.gradient:.4g}".replace("-", "−")
    assert f"= {gradient}" in text
    assert "w_1 · (K²_13 · x_14 +" in text
    assert "the" in text


def test_the_page_has_each_formula_as_mathml(lesson):
    page = report.render([lesson], "html")
    formulas = re.findall(r"<math .*?</math>", page)
    assert len(formulas) == 2 * 25
    for formula in formulas:
        ET.fromstring(formula)
    drawing = re.search(r"<svg class=\"grids\".*?</svg>", page, re.DOTALL)
    ET.fromstring(drawing[0])
    assert page.count('type="radio"') == 25
    assert "http://" not in page
    assert "https://" not in page


def test_a_report_is_the_same_every_time(lesson):
    again = teach_target(TARGET, ELEMENT)
    for format_ in report.formats(Lesson):
        assert report.render([again], format_) == report.render([lesson], format_)


def test_a_folder_of_reports_has_an_index(lesson, tmp_path):
    report.save([lesson, Failure("gone.py", "gone.py: no such file")], f"{tmp_path}/all/")
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        "cnn_backpropagation.csv",
        "cnn_backpropagation.html",
        "cnn_backpropagation.json",
        "index.html",
    ]
    assert 'href="cnn_backpropagation.html"' in (tmp_path / "all" / "index.html").read_text()


# -- the command line -----------------------------------------------------------------------------


def test_the_command_prints_and_saves(tmp_path):
    page = tmp_path / "page.html"
    result = invoke(TARGET, "--weight", ELEMENT, "--save", str(page))
    assert result.exit_code == 0, result.output
    assert "∂L/∂K¹_11" in result.stdout
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_data_of_ones_own_and_a_seed(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "data.npz"
    np.savez(file, x=rng.normal(size=(2, 8, 8, 1)), y=np.array([[0.0], [1.0]]))
    options = ("--weight", "dense/kernel[2,0]", "--data", str(file), "--format", "json")
    stated, drawn = (
        json.loads(invoke(TARGET, *options, *more).stdout)["explanations"][0]
        for more in ((), ("--seed", "3"))
    )
    assert stated["examples"] == drawn["examples"] == 2
    assert stated["weights"][0]["values"][0] == pytest.approx(0.5)
    assert drawn["weights"][0]["values"][0] != pytest.approx(0.5)
    printed = " ".join(invoke(TARGET, *options[:4]).stdout.split())
    assert "examples 2 (the figures of the first, the gradient of all)" in printed


def test_a_builder_without_an_example_wants_data():
    with pytest.raises(TargetError, match="zoo:lenet5: expected --data"):
        teach_target("zoo:lenet5", "output/bias[3]")


def test_a_larger_model_has_the_chosen_weight_alone_explained(tmp_path):
    """LeNet-5's last bias has 10 elements, its first kernel 5 · 5 · 6 = 150: too many for all."""
    rng = np.random.default_rng(0)
    file = tmp_path / "data.npz"
    np.savez(file, x=rng.normal(size=(1, 32, 32, 1)), y=np.eye(10)[[3]])
    bias = teach_target("zoo:lenet5", "output/bias[3]", data=str(file), loss="mse")
    assert [one.index for one in bias.explanations] == [(n,) for n in range(10)]
    assert bias.explanation.index == (3,)
    kernel = teach_target("zoo:lenet5", "c1/kernel[0,0,0,0]", data=str(file), loss="mse")
    assert len(kernel.explanations) == 1
    page = report.render([kernel], "html")
    assert '<svg class="grids"' not in page  # its maps are too large to draw
    assert "more paths are in the sum" in page
    assert len(page) < 1_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TARGET,), "expected --weight"),
        ((TARGET, "--weight", "conv2d/kernel"), "expected a path with an index"),
        ((TARGET, "--weight", "conv2d/kernel[9,0,0,0]"), "index: expected 4 integers"),
        ((TARGET, "--weight", "conv/kernel[0]"), "weight: expected one of conv2d/kernel"),
        (("Conv2D", "--seed", "1"), "--seed: Conv2D is explained without it"),
        ((TARGET, "--weight", ELEMENT, "--save", "a.xls"), "no report has the suffix"),
        (("gone.py::net", "--weight", ELEMENT), "gone.py"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("a.xls").exists()


def test_the_index_of_an_element_is_read_strictly():
    with pytest.raises(ConfigError, match="such as 'conv2d/kernel"):
        teach_target(TARGET, "conv2d/kernel[a]")
