"""`kerasaudit lock` and `audit --locked` as a user meets them: files, exit codes, streams."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from kerasaudit.cli import command
from tests.reconciliation.lockable import net


def written(path, config):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "nets" / "small.json", net())
    written(tmp_path / "nets" / "wide.json", net(filters=16))
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)))


def locks(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "audits").rglob("*.json"))
    }


def test_locks_are_written_and_hold(folder):
    result = invoke("lock", "nets")
    assert (result.exit_code, result.stderr) == (0, "")
    # 3·3·1·8 + 8 and 26·26·8·4 + 4 weights.
    assert result.stdout.splitlines()[:2] == [
        "new        audits/nets/small.json.json",
        "           21,716 parameters, 70,304 MACs, 4 layers",
    ]
    assert result.stdout.splitlines()[-1] == "2 locks: 2 new"
    before = locks(folder)
    assert list(before) == ["audits/nets/small.json.json", "audits/nets/wide.json.json"]
    assert str(folder) not in before["audits/nets/small.json.json"].decode()
    assert invoke("audit", "nets", "--locked").exit_code == 0
    assert invoke("audit", ".", "--locked").exit_code == 0
    again = invoke("lock", "nets")
    assert again.stdout.splitlines()[-1] == "2 locks: 2 unchanged"
    assert locks(folder) == before


def test_a_pull_request_that_widens_a_layer_fails_with_what_a_reviewer_needs(folder):
    invoke("lock", "nets")
    written(folder / "nets" / "small.json", net(filters=9))
    result = invoke("audit", "nets/small.json", "--locked")
    assert result.exit_code == 1
    words = " ".join(result.stdout.split())
    assert "KA511 conv: filters 8 → 9, params 80 → 90 (+10)" in words
    assert "params 21,716 → 24,430 (+2,714)" in words
    assert "Drift from the lock" in words
    assert "audits/nets/small.json.json" in words
    assert max(map(len, result.stdout.splitlines())) <= 80
    audit = json.loads(invoke("audit", "nets/small.json", "--locked", "--format", "json").stdout)
    drift = audit["audits"][0]["drift"]
    assert drift["layers"][0]["config"] == [{"key": "filters", "old": 8, "new": 9}]
    assert (drift["old"]["target"], drift["new"]["target"]) == (
        "audits/nets/small.json.json",
        "nets/small.json",
    )
    for name in ("a.md", "a.html"):
        invoke("audit", "nets/small.json", "--locked", "--save", name)
        assert "rift from the lock" in (folder / name).read_text("utf-8")


def test_locks_are_updated(folder):
    invoke("lock", "nets")
    written(folder / "nets" / "small.json", net(filters=9))
    (folder / "nets" / "wide.json").rename(folder / "nets" / "wider.json")
    result = invoke("audit", "nets", "--update-locks")
    assert result.exit_code == 0
    # Of 16 kernels: 3·3·1·16 + 16 = 160 and 26·26·16·4 + 4 = 43,268 weights.
    assert "KA5" not in result.stdout
    assert result.stderr.splitlines() == [
        "changed    audits/nets/small.json.json",
        "           21,716 → 24,430 parameters (+2,714): 3 layers changed",
        "new        audits/nets/wider.json.json",
        "           43,428 parameters, 140,608 MACs, 4 layers",
        "removed    audits/nets/wide.json.json",
        "3 locks: 1 new, 1 changed, 1 removed",
    ]
    assert invoke("audit", "nets", "--locked").exit_code == 0


def test_an_orphan_fails_where_its_model_would_be(folder):
    invoke("lock", "nets")
    (folder / "nets" / "wide.json").unlink()
    assert invoke("audit", "nets/small.json", "--locked").exit_code == 0
    result = invoke("audit", "nets", "--locked")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "KA514 audits/nets/wide.json.json: a lock of 'nets/wide.json'" in result.stdout


def test_a_folder_elsewhere_says_nothing_of_the_locks_of_one_here(folder, tmp_path_factory):
    invoke("lock", "nets")
    elsewhere = tmp_path_factory.mktemp("other") / "nets"
    written(elsewhere / "small.json", net())
    result = invoke("audit", elsewhere, "--update-locks")
    assert "removed" not in result.stderr
    assert "audits/nets/wide.json.json" in locks(folder)


def test_a_lock_in_another_place_is_an_orphan(folder):
    invoke("lock", "nets")
    lock = folder / "audits" / "nets" / "small.json.json"
    (folder / "audits" / "copy.json").write_bytes(lock.read_bytes())
    result = invoke("audit", "nets", "--locked")
    assert result.exit_code == 1
    assert "in another place than its own" in " ".join(result.stdout.split())


def test_a_model_that_cannot_be_built_keeps_its_lock(folder):
    (folder / "nets" / "broken.py").write_text("raise RuntimeError('no')\n")
    invoke("lock", "nets")
    lock = json.loads((folder / "audits/nets/small.json.json").read_text())
    lock["target"] = "nets/broken.py::net"
    written(folder / "audits" / "nets" / "broken.py" / "net.json", lock)
    result = invoke("audit", "nets", "--locked")
    assert result.exit_code == 2
    assert "KA514" not in result.stdout
    assert invoke("lock", "nets").exit_code == 2
    assert (folder / "audits" / "nets" / "broken.py" / "net.json").exists()


def test_a_model_without_a_lock_fails(folder):
    result = invoke("audit", "nets", "--locked")
    assert result.exit_code == 1
    assert "KA512 small: no lock, expected audits/nets/small.json.json" in result.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "expected a lock as JSON"),
        ('{"schema_version": 999}', "received 999: a newer kerasaudit wrote it"),
        ("[1]", "expected a lock (an object with schema_version)"),
    ],
)
def test_a_lock_that_cannot_be_read_is_one_line_and_exits_2(folder, text, told):
    invoke("lock", "nets")
    (folder / "audits" / "nets" / "small.json.json").write_text(text)
    result = invoke("audit", "nets", "--locked", "--format", "json")
    assert (result.exit_code, result.stderr) == (2, "")
    (found,) = json.loads(result.stdout)["audits"][0]["findings"]
    assert found["code"] == "KA515"
    assert found["message"].startswith("audits/nets/small.json.json: ")
    assert told in found["message"]
    assert "\n" not in found["message"]
    # What is no model's is read too, to see whose it is.
    (folder / "audits" / "stray.json").write_text(text)
    result = invoke("audit", "nets/wide.json", "--locked")
    assert result.exit_code == 2
    assert told in result.stderr
    # Written anew, it is read again.
    (folder / "audits" / "stray.json").unlink()
    assert invoke("lock", "nets").exit_code == 0
    assert invoke("audit", "nets", "--locked").exit_code == 0


def test_what_is_not_audited_in_full_is_not_locked(folder):
    odd = net()
    odd["config"]["layers"][2] = {
        "class_name": "Mine",
        "module": "mine",
        "config": {"name": "mine"},
    }
    written(folder / "nets" / "odd.json", odd)
    result = invoke("lock", "nets")
    assert result.exit_code == 2
    assert "nets/odd.json: not locked, it is not audited in full: KA108" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(locks(folder)) == ["audits/nets/small.json.json", "audits/nets/wide.json.json"]
    assert invoke("audit", "nets", "--update-locks").exit_code == 2


def test_another_folder(folder):
    assert invoke("lock", "nets", "--locks", "held").exit_code == 0
    assert invoke("audit", "nets", "--locked", "--locks", "held").exit_code == 0
    assert invoke("audit", "nets", "--locked").exit_code == 1
    result = invoke("audit", "nets", "--locks", "held")
    assert result.exit_code == 2
    assert "--locks: expected --locked or --update-locks beside it" in result.stderr
    (folder / "kerasaudit.toml").write_text('targets = ["nets"]\nlocks = "held"\n')
    assert invoke("audit", "--locked").exit_code == 0
    # Without a TARGET the locks of all models are judged.
    written(folder / "held" / "zoo" / "gone.json", json.loads(locks_text(folder)))
    assert invoke("audit", "nets", "--locked").exit_code == 0
    result = invoke("audit", "--locked")
    assert (result.exit_code, "KA514" in result.stdout) == (1, True)


def locks_text(folder):
    text = (folder / "held" / "nets" / "small.json.json").read_text()
    return text.replace('"nets/small.json"', '"zoo:gone"')


def test_a_folder_that_cannot_be_written_is_one_line(folder):
    (folder / "audits").write_text("no folder")
    result = invoke("lock", "nets/small.json")
    assert (result.exit_code, result.stdout) == (2, "0 locks: none\n")
    assert len(result.stderr.splitlines()) == 1
    assert "cannot be made" in result.stderr


def test_a_lock_that_is_no_file_is_one_line(folder):
    os.mkfifo(folder / "pipe")
    (folder / "audits" / "nets").mkdir(parents=True)
    (folder / "audits" / "nets" / "small.json.json").symlink_to(folder / "pipe")
    result = invoke("audit", "nets/small.json", "--locked")
    assert result.exit_code == 2
    assert "KA515 audits/nets/small.json.json: expected a file" in result.stdout


def test_a_link_that_leads_out_of_the_folder_is_not_written_through(folder):
    (folder / "out").mkdir()
    (folder / "audits").mkdir()
    (folder / "audits" / "nets").symlink_to(folder / "out")
    result = invoke("lock", "nets/small.json")
    assert result.exit_code == 2
    assert "leads out of audits" in result.stderr
    assert list((folder / "out").iterdir()) == []


@pytest.mark.parametrize("linked", ["nets", "nets/small.json.json"])
def test_a_link_inside_the_folder_loses_no_lock(folder, linked):
    invoke("lock", "nets")
    path = folder / "audits" / linked
    real = folder / "audits" / f"real{path.suffix}"
    path.rename(real)
    path.symlink_to(os.path.relpath(real, path.parent))
    before = locks(folder)
    result = invoke("lock", "nets")
    assert result.exit_code == 2
    line = f"kerasaudit: error: audits/{linked}: expected no link inside audits"
    assert set(result.stderr.splitlines()) == {line}
    assert "removed" not in result.stdout
    assert locks(folder) == before


def test_a_link_that_leads_nowhere_is_not_written_through(folder):
    (folder / "audits" / "nets").mkdir(parents=True)
    (folder / "audits" / "nets" / "small.json.json").symlink_to("gone.json")
    result = invoke("lock", "nets")
    assert result.exit_code == 2
    assert "new        audits/nets/wide.json.json" in result.stdout
    assert "small.json.json: expected no link inside audits" in result.stderr
    assert not (folder / "audits" / "nets" / "gone.json").exists()


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo])
def test_what_stands_in_the_place_of_a_lock_takes_no_other_lock_with_it(folder, make):
    (folder / "audits" / "nets").mkdir(parents=True)
    make(folder / "audits" / "nets" / "small.json.json")
    result = invoke("lock", "nets")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[0] == "new        audits/nets/wide.json.json"
    assert result.stderr.splitlines()[0] == (
        "kerasaudit: error: audits/nets/small.json.json: expected a file, received something else"
    )


def test_two_models_that_would_have_one_lock(folder, tmp_path_factory):
    elsewhere = [tmp_path_factory.mktemp(name) / "net.json" for name in ("one", "two")]
    written(elsewhere[0], net())
    written(elsewhere[1], net(units=5))
    result = invoke("lock", *elsewhere)
    assert result.exit_code == 2
    assert "audits/net.json.json, is that of" in result.stderr
    assert result.stdout.splitlines()[-1] == "1 lock: 1 new"


def test_nothing_to_lock(folder):
    (folder / "empty").mkdir()
    assert invoke("lock", "empty").exit_code == 3
    assert invoke("lock").exit_code == 2
