"""`kerasaudit gradients` as a user meets it: exit codes, streams, one line an error."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from kerasaudit.cli import command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(
        textwrap.dedent("""
        import keras
        from kerasaudit import builder

        @builder(source="s")
        def net():
            return keras.Sequential([
                keras.Input((4,)),
                keras.layers.Dense(5, activation="tanh", name="hidden"),
                keras.layers.Dense(3, name="out"),
            ])

        @builder(source="s")
        def compiled():
            model = net()
            model.compile("sgd", "mse")
            return model

        @builder(source="s")
        def two_inputs():
            a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
            joined = keras.layers.Concatenate()([a, b])
            return keras.Model({"a": a, "b": b}, keras.layers.Dense(3, name="out")(joined))
    """)
    )
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 4)), rng.normal(size=(64, 3))
    np.savez("data.npz", x=x, y=y)
    np.savez("several.npz", **{"x.a": x, "x.b": x[:, :2]}, y=y)
    np.savez("nan.npz", x=np.where(np.arange(64)[:, None] == 40, np.nan, x), y=y)
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(command, ["gradients", *map(str, arguments)])


def test_a_training_is_recorded_reported_and_kept(folder):
    made = invoke(
        "nets.py::net", "--data", "data.npz", "--loss", "mse", "--steps", 12, "--batch-size", 16,
        "--store", "run", "--save", "run.html", "--save", "run.json",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "12 (0 to 11)" in made.stdout
    for weight in ("hidden/kernel", "hidden/bias", "out/kernel", "out/bias"):
        assert weight in made.stdout
    assert (folder / "run.html").stat().st_size > 5_000
    assert json.loads((folder / "run.json").read_text())["schema_version"] == 1
    again = invoke("run", "--format", "markdown")
    assert again.exit_code == 0, again.output
    assert "hidden/kernel" in again.stdout


def test_without_steps_it_is_one_backward_pass(folder):
    made = invoke("nets.py::compiled", "--data", "data.npz", "--format", "csv")
    assert made.exit_code == 0, made.output
    lines = made.stdout.splitlines()
    assert len(lines) == 1 + 5 + 5 + 3 + 3  # a header, and a row a kernel
    assert {"layer", "weight", "kernel", "l2", "max_abs"} <= set(lines[0].split(","))


def test_several_inputs_are_named_in_the_file(folder):
    made = invoke("nets.py::two_inputs", "--data", "several.npz", "--loss", "mse", "--steps", 2)
    assert made.exit_code == 0, made.output


def test_a_finding_exits_1_and_thresholds_are_taken(folder):
    options = ("nets.py::net", "--data", "nan.npz", "--loss", "mse", "--steps", 6)
    made = invoke(*options, "--batch-size", 16, "--store", "run")
    assert made.exit_code == 1, made.output
    assert "KA401" in made.stdout
    silenced = dict.fromkeys(
        ("non-finite", "exploding", "dead", "update-ratio", "unchanged", "vanishing")
    )
    assert invoke("run", "--thresholds", json.dumps(silenced)).exit_code == 0
    assert invoke("run").exit_code == 1


def test_the_same_seed_gives_the_same_report(folder):
    options = ("nets.py::net", "--data", "data.npz", "--loss", "mse", "--steps", 8)
    first, second = (invoke(*options, "--format", "csv", "--seed", 4) for _ in range(2))
    assert first.stdout == second.stdout
    assert first.stdout != invoke(*options, "--format", "csv", "--seed", 5).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.py::net", "--data", "data.npz"], "nowhere.py: no such file"),
        (["nets.py::net"], "expected a recorded run (a folder with run.json), or --data"),
        (["nets.py::net", "--data", "none.npz"], "none.npz: expected arrays in a .npz file"),
        (["nets.py::net", "--data", "nets.py"], "nets.py: expected arrays in a .npz file"),
        (["nets.py::net", "--data", "data.npz"], "expected --loss"),
        (["nets.py::net", "--data", "data.npz", "--loss", "nope", "--steps", "2"], "'nope'"),
        (
            ["nets.py::compiled", "--data", "data.npz", "--optimizer", "nope", "--steps", "2"],
            "'nope'",
        ),
        (["nets.py", "--data", "data.npz", "--loss", "mse"], "expected the name of one model"),
        (["nets.py::compiled", "--data", "several.npz", "--steps", "2"], "cannot be trained"),
        (
            ["nets.py::compiled", "--data", "data.npz", "--statistic", "nope"],
            "statistics: expected",
        ),
        (["nets.py::compiled", "--data", "data.npz", "--layer", "nope"], "'nope'"),
        (["nets.py::compiled", "--data", "data.npz", "--save", "x.xls"], ".xls"),
        (["nets.py::compiled", "--data", "data.npz", "--thresholds", "{"], "--thresholds"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folder, arguments, message):
    made = invoke(*arguments)
    assert made.exit_code == 2, made.output
    assert message in made.stderr
    assert made.stderr.count("\n") == 1
    assert "Traceback" not in made.stderr
    assert made.stdout == ""


def test_arrays_of_other_lengths_are_refused(folder):
    np.savez("odd.npz", x=np.zeros((8, 4)), y=np.zeros((7, 3)))
    made = invoke("nets.py::compiled", "--data", "odd.npz")
    assert made.exit_code == 2
    assert "x of 8, y of 7" in made.stderr


def test_the_builders_own_optimizer_is_kept_and_its_rate_is_set(folder):
    from kerasaudit import open_run

    options = ("nets.py::compiled", "--data", "data.npz", "--steps", 2)
    assert invoke(*options, "--learning-rate", "0.5", "--store", "a").exit_code in (0, 1)
    assert open_run("a").steps["learning_rate"].tolist() == [0.5, 0.5]
    assert invoke(*options, "--loss", "mae", "--store", "b").exit_code == 0
    (session,) = open_run("b").sessions
    assert session.about["optimizers"] == {"optimizer": "SGD"}


@pytest.mark.parametrize(
    "option",
    [("--store", "s"), ("--optimizer", "sgd"), ("--every", "5"), ("--elements", "out/kernel"),
     ("--learning-rate", "1"), ("--thresholds", "{}")],
)  # fmt: skip
def test_an_option_of_a_training_is_refused_without_steps(folder, option):
    made = invoke("nets.py::compiled", "--data", "data.npz", *option)
    assert made.exit_code == 2
    assert "give --steps" in made.stderr
    assert made.stderr.count("\n") == 1


def test_options_of_a_training_are_refused_for_a_recorded_run(folder):
    invoke("nets.py::compiled", "--data", "data.npz", "--steps", 2, "--store", "run")
    for option in (("--steps", 3), ("--seed", 1), ("--data", "data.npz"), ("--layer", "out")):
        made = invoke("run", *option)
        assert made.exit_code == 2
        assert f"{option[0]}: run is a recorded run, which is not trained" in made.stderr
    two = invoke("nets.py::net", "nets.py::net", "--data", "data.npz", "--steps", 2, "--store", "x")
    assert "--store: expected one target" in two.stderr


def test_a_part_that_is_gone_or_changed_is_named(folder):
    invoke("nets.py::compiled", "--data", "data.npz", "--steps", 4, "--store", "run")
    part = min((folder / "run" / "kernels").glob("*.parquet"))
    sound, group = part.read_bytes(), pyarrow.parquet.read_metadata(part).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    within = columns["l2"].data_page_offset + columns["l2"].total_compressed_size - 2
    part.write_bytes(sound[:within] + bytes([sound[within] ^ 0xFF]) + sound[within + 1 :])
    changed = invoke("run")
    assert (changed.exit_code, part.name in changed.stderr) == (2, True)
    part.write_bytes(sound)
    assert invoke("run").exit_code == 0
    min((folder / "run" / "steps").glob("*.parquet")).unlink()
    gone = invoke("run")
    assert gone.exit_code == 2
    assert "expected 2 parts of session 0, found 1" in gone.stderr


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 and no more"])
def test_files_that_are_no_npz_are_refused_in_one_line(folder, content):
    (folder / "odd.npz").write_bytes(content)
    np.save(folder / "array.npy", np.zeros(3))
    for name in ("odd.npz", "array.npy"):
        made = invoke("nets.py::compiled", "--data", name)
        assert made.exit_code == 2
        assert f"{name}: expected arrays in a .npz file" in made.stderr
        assert made.stderr.count("\n") == 1


def test_a_report_is_printed_before_it_cannot_be_saved(folder):
    made = invoke("nets.py::compiled", "--data", "data.npz", "--save", "nets.py/a.html")
    assert made.exit_code == 2
    assert "hidden/kernel" in made.stdout


def test_pickled_arrays_are_not_loaded(folder):
    np.savez("objects.npz", x=np.array([{}], dtype=object), y=np.zeros(1))
    made = invoke("nets.py::compiled", "--data", "objects.npz")
    assert made.exit_code == 2
    assert "objects.npz: expected arrays" in made.stderr


def test_a_run_without_a_step_exits_3(folder):
    from kerasaudit.gradients.inventory import Inventory
    from kerasaudit.gradients.store import ParquetStore

    store = ParquetStore(folder / "empty")
    store.begin(Inventory(()), ("l2",), {"model": "net"}, every=1)
    store.end()
    assert invoke("empty").exit_code == 3


def test_a_damaged_part_is_named(folder):
    invoke("nets.py::compiled", "--data", "data.npz", "--steps", 4, "--store", "run")
    part = min((folder / "run" / "kernels").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    made = invoke("run")
    assert made.exit_code == 2
    assert part.name in made.stderr
    assert made.stderr.count("\n") == 1


@pytest.mark.parametrize("code", [f"KA4{number:02}" for number in range(1, 12)])
def test_every_finding_of_gradients_is_explained(code):
    result = CliRunner().invoke(command, ["explain", code])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{code}: ")
    assert "Remedy:" in result.stdout
