"""The command line in a pipeline: several formats at once, the pre-commit hooks, the GitHub action.

The hooks and the action are read from their files, and what they run is run.
"""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner

from kerasaudit.cli import command
from tests.pipelines import ACTION, Runner, hooks, run_hook

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "tests" / "cases" / "files" / "keras-3.8.0.zip"


def config(*layers: dict) -> str:
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}}
    return json.dumps(
        {"class_name": "Sequential", "config": {"name": "net", "layers": [first, *layers]}}
    )


# 4·2 + 2 = 10 parameters.
GOOD = config({"class_name": "Dense", "config": {"name": "out", "units": 2}})
BAD = config({"class_name": "Lambda", "config": {"name": "f", "function": "abs"}})
BUILDER = textwrap.dedent("""
    import keras
    from kerasaudit import Claim, builder

    print("imported")

    @builder(source="s", claims=[
        Claim("out", "4 × 2 + 2 = 10"),
        Claim("out", "4 × 2 + 2 = 11"),
    ])
    def net():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")])
""").lstrip()
WRONG_CLAIM = 1 + BUILDER.splitlines().index('    Claim("out", "4 × 2 + 2 = 11"),')
SCRIPT = "raise SystemExit('this file is run')\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.json").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad.json").write_text(BAD, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def invoke(*arguments: str):
    return CliRunner().invoke(command, list(arguments))


# -- several at once ------------------------------------------------------------------------------


def test_several_reports_at_once_and_only_one_on_standard_output(folder) -> None:
    paths = ("a.sarif", "b.xml", "c.md", "d.json", "e.html", "f.csv")
    saves = [part for path in paths for part in ("--save", path)]
    result = invoke("audit", "good.json", "bad.json", "gone.keras", "--format", "github", *saves)
    assert result.exit_code == 2
    *annotations, last = result.stdout.splitlines()
    assert all(re.match(r"::(error|warning) [^\n]*?::", line) for line in annotations)
    assert last.startswith("kerasaudit: 2 models audited, 1 ok, 1 with findings, 1 could not be")
    assert result.stderr.startswith("kerasaudit: error: gone.keras: ")
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".py") == [
        *paths[:2],
        "bad.json",
        *paths[2:],
        "good.json",
    ]
    assert json.loads((folder / "a.sarif").read_text("utf-8"))["version"] == "2.1.0"
    assert ElementTree.parse(folder / "b.xml").getroot().tag == "testsuites"
    assert json.loads((folder / "d.json").read_text("utf-8"))["schema_version"] == 1


@pytest.mark.parametrize("format_", ["json", "sarif"])
def test_standard_output_is_one_document(format_, folder) -> None:
    result = invoke("audit", "good.json", "gone.keras", "--format", format_)
    assert json.loads(result.stdout)


def test_standard_output_is_one_document_of_xml(folder) -> None:
    result = invoke("audit", "good.json", "gone.keras", "--format", "junit")
    assert ElementTree.fromstring(result.stdout.encode()).get("errors") == "1"


def test_formats_agree_on_what_is_wrong(folder) -> None:
    """What one format says is what all say: the codes of the JSON, in each of them."""
    audits = json.loads(invoke("audit", "bad.json", "--format", "json").stdout)["audits"]
    codes = [finding["code"] for audit in audits for finding in audit["findings"]]
    assert "KA301" in codes
    sarif = json.loads(invoke("audit", "bad.json", "--format", "sarif").stdout)
    assert sorted(one["ruleId"] for one in sarif["runs"][0]["results"]) == sorted(codes)
    github = invoke("audit", "bad.json", "--format", "github").stdout
    assert sorted(re.findall(r"title=(KA\d+)", github)) == sorted(codes)


def test_a_builder_that_fails_is_annotated_at_its_line(folder) -> None:
    text = "def net():\n    return 1\n\n\ndef other():\n    raise ValueError('why')\n"
    (folder / "nets.py").write_text(text, encoding="utf-8")
    result = invoke("audit", "nets.py::other", "good.json", "--format", "github")
    assert result.exit_code == 2
    line = 1 + text.splitlines().index("def other():")
    assert result.stdout.startswith(f"::error file=nets.py,line={line},title=not audited::")


def test_the_summary_of_the_job_is_appended_to(folder, monkeypatch) -> None:
    summary = folder / "summary.md"
    summary.write_text("# before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    invoke("audit", "good.json", "--format", "json")
    assert summary.read_text("utf-8") == "# before\n"
    assert invoke("audit", "good.json", "--format", "github").exit_code == 0
    text = summary.read_text("utf-8")
    assert text.startswith("# before\n## kerasaudit: 1 model audited, 1 ok\n")
    assert "|`good`|✓ ok|10|10|8|40|none|none|" in text


def test_a_summary_that_cannot_be_written_is_one_line(folder, monkeypatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "missing" / "summary.md"))
    result = invoke("audit", "good.json", "--format", "github")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "summary.md: cannot be written" in line


def test_other_commands_have_no_format_that_they_cannot_write(folder) -> None:
    result = invoke("diff", "good.json", "bad.json", "--format", "sarif")
    assert result.exit_code == 2
    assert "'sarif' is not one of" in result.stderr


# -- nothing to audit -----------------------------------------------------------------------------


def test_a_target_without_a_model_is_passed_over_if_allowed(folder) -> None:
    (folder / "empty").mkdir()
    strict = invoke("audit", "good.json", "empty")
    assert strict.exit_code == 2
    result = invoke("audit", "good.json", "empty", "script.py", "--allow-nothing")
    assert result.exit_code == 0
    assert "could not be" not in result.stdout
    passed = [line.partition("passed over: ")[2] for line in result.stderr.splitlines()]
    assert [line.partition(":")[0] for line in passed] == ["empty", "script.py"]


def test_nothing_but_targets_without_a_model_is_clean_if_allowed(folder) -> None:
    assert invoke("audit", "script.py", "--allow-nothing").exit_code == 0
    assert invoke("audit", "bad.json", "script.py", "--allow-nothing").exit_code == 1
    assert invoke("audit", "gone.py", "script.py", "--allow-nothing").exit_code == 2


# -- pre-commit -----------------------------------------------------------------------------------


@pytest.fixture
def repository(folder):
    """A git repository in which model files, a builder and other files changed."""
    with zipfile.ZipFile(STORED) as stored:
        stored.extract("line.keras", folder / "saved")
    (folder / "models").mkdir()
    (folder / "models" / "net.py").write_text(BUILDER, encoding="utf-8")
    (folder / "notes.txt").write_text("no model\n", encoding="utf-8")
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    return folder


def test_the_hooks_are_what_pre_commit_takes() -> None:
    assert set(hooks()) == {"kerasaudit-audit", "kerasaudit-builders"}
    for hook in hooks().values():
        assert hook.keys() >= {"id", "name", "entry", "language", "files"}
        re.compile(hook["files"])


def test_the_hook_of_model_files_reads_what_changed(repository) -> None:
    done = run_hook(hooks()["kerasaudit-audit"])
    assert done.returncode == 0, done.stderr
    assert "line" in done.stdout
    with zipfile.ZipFile(repository / "saved" / "evil.keras", "w") as archive:
        archive.writestr("config.json", BAD)
        archive.writestr("metadata.json", "{}")
    subprocess.run(["git", "add", "-A"], check=True)
    done = run_hook(hooks()["kerasaudit-audit"])
    assert done.returncode in (1, 2)
    assert "KA301" in done.stdout


def test_the_hook_says_that_a_file_was_not_fetched(repository) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"
    (repository / "saved" / "large.keras").write_text(pointer, encoding="utf-8")
    subprocess.run(["git", "add", "-A"], check=True)
    done = run_hook(hooks()["kerasaudit-audit"])
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "saved/large.keras: " in line
    assert "git lfs pull" in line


def test_the_hook_of_builders_leaves_other_files_alone(repository) -> None:
    done = run_hook(hooks()["kerasaudit-builders"], "--save", "a.sarif")
    assert done.returncode == 1, done.stderr
    assert "KA202" in done.stdout
    assert "imported" not in done.stdout
    assert "passed over: script.py" in done.stderr
    (run,) = json.loads((repository / "a.sarif").read_text("utf-8"))["runs"]
    places = {one["ruleId"]: one["locations"][0]["physicalLocation"] for one in run["results"]}
    assert places["KA202"] == {
        "artifactLocation": {"uri": "models/net.py", "uriBaseId": "SRCROOT"},
        "region": {"startLine": WRONG_CLAIM},
    }


# -- the GitHub action ----------------------------------------------------------------------------


def test_the_action_is_composite_and_trusts_no_input() -> None:
    action = yaml.safe_load(ACTION.read_text("utf-8"))
    assert action["runs"]["using"] == "composite"
    steps = action["runs"]["steps"]
    assert [step["uses"] for step in steps if "uses" in step] == ["actions/setup-python@v5"]
    assert all("${{" not in step.get("run", "") for step in steps)
    read = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text("utf-8")))
    assert read == action["inputs"].keys()


@pytest.mark.parametrize(
    ("inputs", "requirement"),
    [
        ({}, f"{ROOT}[tensorflow]"),
        ({"extras": ""}, str(ROOT)),
        ({"version": "1.2.3"}, "kerasaudit[tensorflow]==1.2.3"),
        ({"version": "1.2.3", "extras": "jax,remote"}, "kerasaudit[jax,remote]==1.2.3"),
    ],
)
def test_the_action_installs_what_is_asked_for(inputs, requirement, tmp_path) -> None:
    runner = Runner(tmp_path, **inputs)
    done = runner.step("Install kerasaudit")
    assert done.returncode == 0, done.stderr
    asked = runner.asked.read_text("utf-8").splitlines()
    assert asked == ["-m", "pip", "install", "--quiet", requirement]


def test_the_action_annotates_summarises_and_saves(folder) -> None:
    (folder / "models").mkdir()
    (folder / "models" / "net.json").write_text(GOOD, encoding="utf-8")
    runner = Runner(
        folder,
        targets="net.json\n  $(touch owned).json\n\n../bad.json\n",
        arguments="--exempt\nnone=a reason; touch owned\n",
        save="../a b.sarif\n../b.xml",
        **{"working-directory": "models"},
    )
    done = runner.step("Audit")
    assert done.returncode == 2  # the second target is not there
    assert "::error title=not audited::$(touch owned).json: no such file" in done.stdout
    assert "::error file=bad.json,title=KA301 bad::" in done.stdout
    assert runner.output.read_text("utf-8") == "exit-code=2\n"
    assert runner.summary.read_text("utf-8").startswith("## kerasaudit: 2 models audited")
    assert json.loads((folder / "a b.sarif").read_text("utf-8"))["version"] == "2.1.0"
    assert (folder / "b.xml").is_file()
    assert not list(folder.rglob("owned"))


def test_the_action_of_a_clean_model_succeeds(folder) -> None:
    runner = Runner(folder, targets="good.json", format="json")
    done = runner.step("Audit")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["audits"][0]["totals"]["params"] == 10
    assert runner.output.read_text("utf-8") == "exit-code=0\n"


def test_the_action_imports_nothing_out_of_the_repository_to_read_a_file(folder) -> None:
    (folder / "click.py").write_text("raise SystemExit('this file is run')", encoding="utf-8")
    done = Runner(folder, targets="good.json").step("Audit")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_action_audits_the_targets_of_the_settings(folder) -> None:
    settings = '[tool.kerasaudit]\ntargets = ["good.json"]\n'
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    done = Runner(folder).step("Audit")
    assert done.stdout == "kerasaudit: 1 model audited, 1 ok\n"


def test_the_example_names_hooks_and_an_action_that_there_are() -> None:
    project = ROOT / "examples" / "audited-project"
    (repo,) = yaml.safe_load((project / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert {hook["id"] for hook in repo["hooks"]} <= hooks().keys()
    text = (project / ".github" / "workflows" / "audit.yml").read_text("utf-8")
    (step,) = re.findall(r"uses: kerasaudit/kerasaudit/(\S+)@", text)
    assert (ROOT / step / "action.yml").is_file()
