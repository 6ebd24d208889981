"""The command line as a user meets it: exit codes, streams, one line per error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

from kerasaudit.cli import command

GOOD = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 28, 28, 1]}},
            {
                "class_name": "Conv2D",
                "config": {"name": "conv", "filters": 32, "kernel_size": [3, 3]},
            },
        ],
    },
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    bad = json.loads(json.dumps(GOOD))
    bad["config"]["layers"][1]["config"]["filters"] = -1
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    (tmp_path / "claims.py").write_text(
        textwrap.dedent("""
        import keras
        from kerasaudit import Claim, builder

        def net():
            return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")])

        @builder(source="s", claims=[Claim("out", "4 × 2 + 2 = 10")])
        def right():
            return net()

        @builder(source="s", claims=[Claim("out", "4 × 2 + 2 = 11")])
        def wrong():
            return net()
    """)
    )
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_clean_audit_prints_its_working_and_exits_0(folder):
    result = invoke("audit", "good.json")
    assert result.exit_code == 0
    assert "3·3·1·32 + 32" in result.stdout
    assert "320" in result.stdout
    assert result.stderr == ""


def test_a_finding_exits_1(folder):
    result = invoke("audit", "claims.py::wrong")
    assert result.exit_code == 1
    assert "KA202" in result.stdout


def test_what_could_not_be_audited_exits_2_and_outranks_findings(folder):
    assert invoke("audit", "bad.json").exit_code == 2
    assert invoke("audit", "claims.py::wrong", "bad.json").exit_code == 2
    assert invoke("audit", "claims.py::wrong", "nowhere").exit_code == 2


def test_what_failed_is_named_in_the_report_and_explained_on_stderr(folder):
    result = invoke("audit", "nowhere", "good.json")
    assert "nowhere: not audited" in result.stdout
    assert "no such file or folder" not in result.stdout
    assert "no such file or folder" in result.stderr


def test_nothing_audited_exits_3(folder):
    (folder / "empty").mkdir()
    result = invoke("audit", "empty")
    assert result.exit_code == 3
    line = "kerasaudit: error: empty: no builder and no model file in this folder\n"
    assert result.stderr == line
    assert invoke("audit", "empty", "good.json").exit_code == 2


def test_the_others_are_audited_when_one_target_fails(folder):
    result = invoke("audit", "nowhere", "good.json", "--format", "json")
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert [audit["name"] for audit in document["audits"]] == ["good"]
    assert document["errors"][0]["target"] == "nowhere"
    assert result.stderr.count("\n") == 1


def test_what_is_wrong_in_a_config_says_whose_it_is(folder):
    invalid = json.loads(json.dumps(GOOD))
    invalid["config"]["layers"][1]["config"]["name"] = ""
    for name in ("one", "two"):
        (folder / f"{name}.json").write_text(json.dumps(invalid))
    (folder / "nets.py").write_text(
        "from kerasaudit import builder\n@builder(source='s', claims=5)\ndef net(): ...\n"
    )
    result = invoke("audit", "one.json", "two.json", "nets.py")
    assert result.exit_code == 2
    assert [line.partition("error: ")[2] for line in result.stderr.splitlines()] == [
        "one.json: layer 'net' (Sequential): layers[1] (Conv2D) must have a name, received none",
        "two.json: layer 'net' (Sequential): layers[1] (Conv2D) must have a name, received none",
        "nets.py: claims must be a list of kerasaudit.Claim, received 5",
    ]


def test_json_on_stdout_is_the_contract(folder):
    document = json.loads(invoke("audit", "good.json", "--format", "json").stdout)
    assert document["schema_version"] == 1
    (audit,) = document["audits"]
    assert {"target", "name", "status", "totals", "layers", "claims", "findings"} <= set(audit)
    conv = audit["layers"][1]
    assert conv["path"] == "conv"
    assert conv["class_name"] == "Conv2D"
    assert conv["status"] == "ok"
    assert conv["formula"] == "kh·kw·C_in·K + K"
    assert conv["working"] == "3·3·1·32 + 32"
    assert conv["derived"] == conv["trainable"] == 320
    assert conv["observed"] is None
    assert conv["stored"] is None
    assert conv["non_trainable"] == 0
    assert conv["macs"] == 26 * 26 * 3 * 3 * 32
    assert conv["output_shape"] == [None, 26, 26, 32]
    kernel = conv["weights"][0]
    assert kernel["name"] == "kernel"
    assert kernel["shape"] == [3, 3, 1, 32]
    assert [axis["symbol"] for axis in kernel["axes"]] == ["kh", "kw", "C_in", "K"]
    assert kernel["dtype"] == "float32"
    assert kernel["trainable"] is True


@pytest.mark.parametrize("format_", ["json", "csv", "markdown", "html", "terminal"])
def test_every_format_prints_on_stdout(folder, format_):
    result = invoke("audit", "good.json", "bad.json", "--format", format_)
    assert result.exit_code == 2
    assert "320" in result.stdout


def test_saving_several_reports(folder):
    result = invoke(
        "audit", "good.json", "--save", "a.json", "--save", "b.html", "--save", "c.csv",
        "--save", "d.md", "--save", "all/",
    )  # fmt: skip
    assert result.exit_code == 0
    assert json.loads((folder / "a.json").read_text())["audits"][0]["totals"]["params"] == 320
    for name in ("b.html", "c.csv", "d.md", "all/index.html"):
        assert "320" in (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["x.pdf", "missing/folder/x.json", "noformat"])
def test_a_report_that_cannot_be_written_is_one_line_and_2(folder, path):
    result = invoke("audit", "good.json", "--save", path)
    assert result.exit_code == 2
    assert result.stderr.startswith("kerasaudit: error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kwargs", "[1]"], "--kwargs: expected a JSON object, received [1]"),
        (["--kwargs", "{"], "--kwargs: expected a JSON object"),
        (["--input-shape", "None,x"], "--input-shape: expected extents joined by commas"),
        (["--input-shape", "None,5,5"], "fits (None, 28, 28, 1), received (None, 5, 5)"),
        (["--exempt", "conv"], "--exempt: expected LAYER=REASON, received 'conv'"),
    ],
)
def test_options_that_make_no_sense_are_one_line_and_2(folder, arguments, words):
    result = invoke("audit", "good.json", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("audit", "good.json", "--save", "good.json"), "good.json"),
        (("audit", "good.json", "--save", "link.json"), "good.json"),
        (("audit", "nets/good/good.json", "--save", "nets/"), "nets/good/good.json"),
        (("diff", "good.json", "bad.json", "--save", "bad.json"), "bad.json"),
        (("diff", "good.json", "nets/good/good.json", "--save", "good.json"), "good.json"),
        (("claims", "a.md", "--save", "a.md"), "a.md"),
    ],
)
def test_a_report_never_takes_the_place_of_what_it_is_of(folder, arguments, kept):
    (folder / "nets" / "good").mkdir(parents=True)
    (folder / "nets" / "good" / "good.json").write_text(json.dumps(GOOD))
    (folder / "link.json").symlink_to("good.json")
    (folder / "a.md").write_text("<!-- kerasaudit: good.json params -->321")
    before = (folder / kept).read_bytes()
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert (folder / kept).read_bytes() == before
    (line,) = result.stderr.splitlines()
    where = arguments[-1].removesuffix("/")
    assert result.stdout  # what was found is told all the same
    assert f"error: {where}" in line


def test_an_input_shape_from_the_command_line(folder):
    config = json.loads(json.dumps(GOOD))
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, None, None, 1]
    (folder / "open.json").write_text(json.dumps(config))
    for text in ("None,28,28,1", "(None, 28, 28, 1)", "[[null, 28, 28, 1]]"):
        result = invoke("audit", "open.json", "--input-shape", text, "--format", "json")
        assert json.loads(result.stdout)["audits"][0]["totals"]["macs"] == 26 * 26 * 9 * 32
    unknown = json.loads(invoke("audit", "open.json", "--format", "json").stdout)
    assert unknown["audits"][0]["totals"]["macs"] is None
    assert unknown["audits"][0]["totals"]["params"] == 320


def test_debug_shows_the_traceback(folder):
    result = invoke("audit", "nowhere", "--debug")
    assert "Traceback" in result.stderr


def test_explain_a_rule_and_a_finding(folder):
    rule = invoke("explain", "Conv2D")
    assert rule.exit_code == 0
    assert "3·3·32·64 + 64 = 18,496" in rule.stdout
    assert "has another shape than derived" in invoke("explain", "KA101").stdout
    unknown = invoke("explain", "Conv2d")
    assert unknown.exit_code == 2
    assert "did you mean Conv2D" in unknown.stderr


def test_every_finding_code_is_documented():
    from kerasaudit.reconciliation.findings import KINDS

    for code in KINDS:
        text = invoke("explain", code).stdout
        assert all(word in text for word in ("Why:", "Example:", "Remedy:"))


def test_rules_lists_every_class():
    from kerasaudit.derivation.rule import registered_rules

    listed = invoke("rules").stdout
    for key in registered_rules():
        if not key.startswith(("once>", "reconcile_test>", "example>")):
            assert f"  {key} " in listed


def run(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "statement",
    [
        "import kerasaudit",
        "import kerasaudit; kerasaudit.derive, kerasaudit.zoo, kerasaudit.Claim, kerasaudit.audit",
        "from kerasaudit.cli import command; command(['--help'], standalone_mode=False)",
        "from kerasaudit.cli import command; command(['audit', '--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statement):
    heavy = ("keras", "tensorflow", "jax", "torch", "numpy", "pandas")
    process = run(f"{statement}\nimport sys\nprint([m for m in {heavy!r} if m in sys.modules])")
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == "[]"


NO_KERAS = """
    import sys

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {blocked!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

    sys.meta_path.insert(0, Refuse())
    from kerasaudit.cli import command
    command({arguments!r})
"""


def test_a_config_is_audited_with_no_keras_and_no_numpy_installed(folder):
    blocked = ["keras", "tensorflow", "jax", "torch", "numpy", "pandas"]
    process = run(NO_KERAS.format(blocked=blocked, arguments=["audit", "good.json"]))
    assert process.returncode == 0, process.stderr
    assert "320" in process.stdout


@pytest.mark.parametrize("blocked", [["keras"], ["tensorflow"]])
def test_a_missing_backend_is_one_line_that_says_what_to_install(folder, blocked):
    process = run(NO_KERAS.format(blocked=blocked, arguments=["audit", "claims.py", "good.json"]))
    assert process.returncode == 2
    assert "pip install 'kerasaudit[tensorflow]' (or [jax], [torch])" in process.stderr
    assert process.stderr.count("\n") == 1
    assert "320" in process.stdout


def test_the_whole_command_is_quiet_on_stderr(folder):
    process = subprocess.run(
        [sys.executable, "-m", "kerasaudit", "audit", "claims.py::right"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert "4·2 + 2" in process.stdout


def test_progress_is_a_bar_on_a_terminal_and_nothing_elsewhere(folder, monkeypatch):
    assert invoke("audit", "good.json", "bad.json").stderr == ""
    import pty

    main_end, terminal = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", "kerasaudit", "audit", "good.json", "bad.json"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=False,
    )
    os.close(terminal)
    shown = os.read(main_end, 100_000).decode()
    os.close(main_end)
    assert process.returncode == 2
    assert "0/2" in shown or "1/2" in shown
    assert b"1/2" not in process.stdout


def test_what_a_builder_prints_is_no_result(folder):
    (folder / "loud.py").write_text(
        "import keras\nprint('noise')\n\ndef net():\n    print('more')\n"
        "    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])\n"
    )
    process = subprocess.run(
        [sys.executable, "-m", "kerasaudit", "audit", "loud.py::net", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(process.stdout)["audits"][0]["totals"]["params"] == 4 * 2 + 2
    assert "more" in process.stderr


def test_what_models_and_processes_print_is_no_result(folder, capfd):
    """Neither what a layer prints while it is traced, nor what a process writes or one in C."""
    (folder / "loud.py").write_text(
        textwrap.dedent("""
        import os, sys
        import keras

        class Loud(keras.Model):
            def __init__(self):
                super().__init__(name="loud")
                self.out = keras.layers.Dense(2, name="out")

            def call(self, x):
                print("by a layer")
                sys.__stdout__.write("by the first stream")
                os.write(1, b"by the descriptor")
                os.system("echo by a process")
                return self.out(x)

        def net():
            model = Loud()
            model(keras.Input((4,)))
            return model
    """)
    )
    said = ("by a layer", "by the first stream", "by the descriptor", "by a process")
    for arguments in (("audit", "loud.py::net"), ("diff", "loud.py::net", "loud.py::net")):
        result = invoke(*arguments, "--format", "json")
        assert json.loads(result.stdout), result.stderr
        written = capfd.readouterr()
        assert written.out == ""
        for text in said:
            assert text in result.stderr + written.err


def test_a_report_that_cannot_be_is_refused_before_the_work(folder, monkeypatch):
    import kerasaudit.reconciliation.audit as module

    monkeypatch.setattr(module, "audit_all", lambda *a, **k: pytest.fail("audited first"))
    assert invoke("audit", "good.json", "--save", "x.pdf").exit_code == 2


def test_a_fault_of_ours_is_one_line_and_never_looks_like_a_finding(folder, monkeypatch):
    import kerasaudit.reconciliation.audit as module

    def fail(*arguments):
        raise KeyError("a bug")

    monkeypatch.setattr(module, "reconcile", fail)
    result = invoke("audit", "good.json", "bad.json")
    assert result.exit_code == 2
    assert result.stderr.count("kerasaudit itself failed, KeyError") == 2
    assert "Traceback" not in result.output
