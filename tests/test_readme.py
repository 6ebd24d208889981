"""The README is true: its examples run, its terminal sessions print what they show."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_examples_give_what_they_show(keras, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "\n".join(blocks("python"))
    test = doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0)
    assert len(test.examples) > 15
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert results.failed == 0


@pytest.mark.parametrize("session", blocks("console"))
def test_the_terminal_sessions_print_what_they_show(session):
    command, _, shown = session.partition("\n")
    assert command.startswith("$ kerasaudit ")
    process = subprocess.run(
        [sys.executable, "-m", *shlex.split(command.removeprefix("$ "))],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        cwd=ROOT,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(shown, process.stdout, flags), process.stdout


def test_there_are_two_commands_and_they_are_short():
    commands = blocks("sh")
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)
    assert len(README.splitlines()) < 190


def test_the_readme_names_only_options_and_commands_that_exist():
    from click.testing import CliRunner

    from kerasaudit.cli import command

    helps = [
        CliRunner().invoke(command, [*name, "--help"]).output
        for name in ([], *([one] for one in command.commands))
    ]
    pytest_help = [sys.executable, "-m", "pytest", "--help"]
    helps.append(subprocess.run(pytest_help, capture_output=True, text=True, check=True).stdout)
    # pip's and pytest's own options are not ours
    ours = "\n".join(line for line in README.splitlines() if "venv" not in line)
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)):
        assert any(option in text for text in helps), option
