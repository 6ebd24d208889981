"""Hostile files, audited from end to end: what is found, how it ends, and that nothing is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerasaudit.observation.hazards import KINDS
from tests.observation.hostile import making
from tests.observation.hostile.cases import every_case
from tests.observation.hostile.watched import CLEAN, Watch

CASES = {f"{case.name}{case.suffix}": case for case in every_case()}
ROOT = Path(__file__).parents[3]

CLEAN_FILES = {
    f"{CLEAN}.json": json.dumps(making.model()).encode(),
    f"{CLEAN}.keras": making.archived(making.parts()),
    f"{CLEAN}.h5": making.legacy(making.legacy_model()),
}
# It has no config: there is nothing to derive, and the audit says so.
WEIGHTS_ALONE = {f"{CLEAN}.weights.h5": making.weights()}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What one process made of all the files, one after the other."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in (CLEAN_FILES | WEIGHTS_ALONE).items():
        (folder / name).write_bytes(data)
    for case in CASES.values():
        case.write(folder)
    command = [sys.executable, "-m", "tests.observation.hostile.watched", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_hostile_file(outcome, name):
    case, found = CASES[name], outcome["files"][name]
    assert found["done"] == []
    assert set(found["codes"]) >= case.codes, found
    assert found["status"] == case.status, found
    assert "itself failed" not in "".join(found["messages"])
    assert all(message.isprintable() for message in found["messages"])


@pytest.mark.parametrize("name", CLEAN_FILES)
def test_what_they_are_made_from_is_clean(outcome, name):
    assert (outcome["files"][name]["codes"], outcome["files"][name]["status"]) == ([], 0)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", ("/etc/passwd", "r", 0)),
        ("open", ("model.keras", "w", os.O_WRONLY)),
        ("import", ("antigravity", None, None, None, None)),
        ("socket.getaddrinfo", ("example.org", 80)),
        ("pickle.find_class", ("os", "system")),
        ("marshal.loads", (b"",)),
        ("subprocess.Popen", ("id", [], None, None)),
    ],
)
def test_the_watch_sees(event, arguments):
    watch = Watch()
    watch.file = "model.keras"
    watch("open", ("model.keras", "rb", os.O_RDONLY))
    assert watch.seen == []
    watch(event, arguments)
    assert len(watch.seen) == 1


def test_memory_stays_within_its_bound(outcome):
    assert outcome["memory"] < 300 * 2**20


def test_there_is_a_file_for_every_hazard():
    assert len(CASES) >= 60
    found = set().union(*(case.codes for case in CASES.values()))
    assert set(KINDS) <= found
