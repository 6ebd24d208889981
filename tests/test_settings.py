"""Settings of a project: read, refused in one line, and what they ask of each target."""

import contextlib
import json
import re

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.cli import command
from kerasaudit.errors import ConfigError
from kerasaudit.settings import find_settings, read_settings

# 4 → 2 units: 4·2 weights and 2 of the bias.
PARAMS = 4 * 2 + 2
NET = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
            {"class_name": "Dense", "config": {"name": "dense", "units": 2}},
        ],
    },
}
CUSTOM = {"class_name": "Mine", "module": "mine", "config": {"name": "mine"}}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with two models, `nets/a.json` and `nets/b.json`, and room for settings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    for name in ("a", "b"):
        (tmp_path / "nets" / f"{name}.json").write_text(json.dumps(NET))

    def settings(text, file="kerasaudit.toml"):
        (tmp_path / file).write_text(text)
        return find_settings()

    return settings


def run(*arguments, env=None):
    result = CliRunner().invoke(command, ["audit", *arguments], env=env)
    return result.exit_code, result.stdout, result.stderr


def limits(policy):
    return {(one.quantity, one.layer): one.limit for one in policy.budgets}


def test_of_several_patterns_the_last_one_counts(project):
    found = project("""
        [budgets."nets/"]
        max_params = "5k"
        max_bytes = "1KiB"
        [budgets."nets/a.json"]
        max_params = 7
        [budgets."nets/*".layers."dense*"]
        max_macs = "1_000"
    """)
    assert limits(found.policy_of("nets/a.json")) == {
        ("bytes", None): 1024,
        ("params", None): 7,
        ("macs", "dense*"): 1000,
    }
    assert limits(found.policy_of("nets/b.json")) == {
        ("params", None): 5000,
        ("bytes", None): 1024,
        ("macs", "dense*"): 1000,
    }
    assert limits(found.policy_of("other/b.json")) == {}


@pytest.mark.parametrize(
    ("pattern", "target", "fits"),
    [
        ("models/", "models/net.py::net", True),
        ("models", "models/deep/net.py::net", True),
        ("models/net.py", "models/net.py::net", True),
        ("models/net.py::*", "models/net.py::net", True),
        ("models/net.py::n", "models/net.py::net", False),
        ("model", "models/net.py::net", False),
        ("zoo:*", "zoo:lenet5", True),
        ("package.nets:build", "package.nets:build", True),
        ("https://x.org/*", "https://x.org/a.keras", True),
    ],
)
def test_a_pattern_is_a_name_a_wildcard_or_a_file_or_folder(project, pattern, target, fits):
    found = project(f'[budgets."{pattern}"]\nmax_params = 1')
    assert bool(found.policy_of(target).budgets) is fits


@pytest.mark.parametrize(
    ("pattern", "target", "fits"),
    [
        ("./nets/", "nets/a.json", True),
        ("nets//a.json", "nets/a.json", True),
        ("nets/../nets/a.json", "nets/a.json", True),
        ("nets/a.json", "./nets/../nets/a.json", True),
        (".", "nets/a.json", True),
        ("./", "nets/net.py::net", True),
        (".", "../nets/a.json", False),
        (".", "zoo:lenet5", False),
        ("../nets", "../nets/a.json", True),
        ("/data/nets/", "/data/nets/a.json", True),
        ("*/a.json", "a.json", False),
        ("nets/a[1].json", "nets/a[1].json", True),
        ("nets[1]/", "nets[1]/a.json", True),
        ("nets/a[12].json", "nets/a1.json", True),
    ],
)
def test_a_pattern_is_a_path_however_it_is_spelt(project, pattern, target, fits):
    found = project(f'[budgets."{pattern}"]\nmax_params = 1')
    assert bool(found.policy_of(target).budgets) is fits


def test_a_link_does_not_lead_out_of_a_budget(project, tmp_path):
    project('[budgets."nets/"]\nmax_params = 1')
    (tmp_path / "linked").symlink_to("nets")
    (tmp_path / "root").symlink_to(tmp_path)
    for target in ("linked/a.json", "root/nets/a.json", str(tmp_path / "root" / "nets" / "a.json")):
        assert run(target)[0] == 1, target
    (tmp_path / "kerasaudit.toml").write_text('[budgets."linked/"]\nmax_params = 1')
    assert run("linked/a.json")[0] == 1
    assert run("nets/a.json")[0] == 0


def test_what_no_longer_applies_is_placed_in_its_own_table(project):
    found = project("""targets = ["nets/"]
        [budgets."nets/".layers."mine"]
        max_params = 9
        [exempt."nets/"]
        mine = "reviewed by hand"
    """)
    from kerasaudit import audit

    (failure,) = found.left_over([audit("nets/a.json")], whole=True)
    assert (failure.code, failure.location.line) == ("KA505", 4)


def test_targets_are_relative_to_the_file_wherever_one_stands(project, tmp_path, monkeypatch):
    project('targets = ["nets/", "zoo:lenet5", "nets/x.py::x"]\nlocks = "audits"')
    monkeypatch.chdir(tmp_path / "nets")
    found = find_settings()
    assert found.targets == ("./", "zoo:lenet5", "x.py::x")
    assert found.locks.as_posix() == "../audits"
    assert not found.policy_of("a.json").budgets
    (tmp_path / "kerasaudit.toml").write_text('[budgets."nets/a.json"]\nmax_params = 3')
    assert limits(find_settings().policy_of("a.json")) == {("params", None): 3}
    assert limits(find_settings().policy_of(str(tmp_path / "nets/a.json"))) == {("params", None): 3}


def test_flag_environment_file_default_in_this_order(project):
    assert run("nets/a.json")[0] == 0
    project('[budgets."nets/"]\nmax_params = 1')
    assert run("nets/a.json")[0] == 1
    assert run("nets/a.json", env={"KERASAUDIT_MAX_PARAMS": "1k"})[0] == 0
    both = {"KERASAUDIT_MAX_PARAMS": "1k"}
    code, out, _ = run("nets/a.json", "--max-params", "9", env=both)
    assert code == 1
    assert f"the model has {PARAMS}, 1 over it" in " ".join(out.split())


def test_an_option_replaces_of_the_environment_what_it_is_for(project):
    """dense has 10 parameters, and the model no more: what an option leaves alone stays."""
    env = {"KERASAUDIT_MAX_PARAMS": "9 dense=9", "KERASAUDIT_MAX_MACS": "7"}

    def codes(*options):
        _, out, _ = run("nets/a.json", "--format", "json", *options, env=env)
        return sorted(one["code"] for one in json.loads(out)["audits"][0]["findings"])

    assert codes() == ["KA501", "KA501", "KA502"]
    assert codes("--max-params", "dense=10") == ["KA501", "KA501"]
    assert codes("--max-params", "10") == ["KA501", "KA502"]
    assert codes("--max-params", "10", "--max-params", "dense=10") == ["KA501"]
    # Of two options for the same both are kept to.
    assert codes("--max-params", "10", "--max-params", "8") == ["KA501", "KA501", "KA502"]
    grades = {"KERASAUDIT_SEVERITY": "KA501=warning KA502=warning"}
    assert run("nets/a.json", env=env | grades)[0] == 0
    assert run("nets/a.json", "--severity", "KA502=error", env=env | grades)[0] == 1
    assert run("nets/a.json", "--severity", "KA112=error", env=env | grades)[0] == 0


def test_an_option_leaves_other_limits_of_the_environment(project):
    env = {"KERASAUDIT_LIMIT": "config_bytes=10"}
    assert run("nets/a.json", "--limit", "seconds=5", env=env)[0] == 2
    assert run("nets/a.json", "--limit", "config_bytes=1000", env=env)[0] == 0


def test_another_file_is_named(project, tmp_path):
    project('[budgets."nets/"]\nmax_params = 1')
    (tmp_path / "lax.toml").write_text("")
    assert run("nets/a.json", "--config", "lax.toml")[0] == 0
    assert run("nets/a.json", env={"KERASAUDIT_CONFIG": "lax.toml"})[0] == 0


def test_targets_come_from_the_settings(project):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err == (
        "kerasaudit: error: expected a TARGET, or targets in [tool.kerasaudit] of pyproject.toml; "
        "received none\n"
    )
    project('[tool.kerasaudit]\ntargets = ["nets/"]', "pyproject.toml")
    code, out, _ = run("--format", "json")
    assert code == 0
    assert [one["target"] for one in json.loads(out)["audits"]] == ["nets/a.json", "nets/b.json"]


def test_limits_are_those_of_the_file(project):
    project("[limits]\nconfig_bytes = 10")
    code, _, err = run("nets/a.json")
    assert code == 2
    assert "at most 10" in err
    assert run("nets/a.json", "--limit", "config_bytes=1_000_000")[0] == 0


def test_a_warning_is_no_failure(project):
    project('[severity]\nKA501 = "warning"\n[budgets."nets/"]\nmax_params = 1')
    code, out, _ = run("nets/a.json", "--format", "json")
    assert code == 0
    (finding,) = json.loads(out)["audits"][0]["findings"]
    assert (finding["code"], finding["severity"]) == ("KA501", "warning")
    assert run("nets/a.json", "--severity", "KA501=error")[0] == 1


def with_custom(tmp_path):
    config = json.loads(json.dumps(NET))
    config["config"]["layers"].append(CUSTOM)
    (tmp_path / "nets" / "a.json").write_text(json.dumps(config))


def test_an_exemption_that_one_of_its_models_needs_applies(project, tmp_path):
    with_custom(tmp_path)
    assert run("nets/")[0] == 2
    project('targets = ["nets/"]\n[exempt."nets/*"]\nmine = "reviewed by hand"')
    code, out, _ = run("--format", "json")
    assert code == 0, out
    waived = [row for row in json.loads(out)["audits"][0]["layers"] if row["status"] == "exempt"]
    assert [row["reason"] for row in waived] == ["reviewed by hand"]
    # Of the model that does not need it nothing is said, also where it is audited alone.
    assert run("nets/b.json")[0] == 0


@pytest.mark.parametrize("pattern", ["nets/*", "nets/a.json"])
def test_an_exemption_that_none_needs_fails(project, pattern):
    project(f'targets = ["nets/"]\n[exempt."{pattern}"]\nmine = "reviewed by hand"')
    code, out, _ = run("--format", "json")
    assert code == 1
    (error,) = json.loads(out)["errors"]
    assert error["code"] == "KA505"
    assert error["message"] == (
        f"kerasaudit.toml [exempt.\"{pattern}\"] 'mine': no layer that needs an exemption has that "
        "path"
    )
    # A wildcard may be for others, where not all are audited.
    assert run("nets/a.json")[0] == (0 if "*" in pattern else 1)


@pytest.mark.parametrize("table", ["budgets", "exempt"])
def test_a_pattern_that_fits_no_model_fails(project, table):
    inside = "max_params = 1" if table == "budgets" else 'mine = "why"'
    project(f'targets = ["nets/"]\n[{table}."gone/"]\n{inside}')
    code, out, _ = run()
    assert code == 1
    assert "KA505" in out
    assert run("nets/a.json")[0] == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[budget]", "budget: there is no such setting; did you mean 'budgets'?"),
        ('[budgets."a"]\nmax_param = 1', r"max_param: there is no such setting; did you mean 'max"),
        ('[budgets."a"]\nmax_params = "5 M!"', r'budgets."a": max_params: expected a number such'),
        ('[budgets."a"]\nmax_params = true', "expected a number such as"),
        ('[budgets."a"]\nmax_params = -1', "expected a number such as"),
        ('[budgets.""]\nmax_params = 1', "budgets: expected patterns of targets, received ''"),
        ("[budgets]\na = 5", 'budgets."a": expected a table, received 5'),
        ('[budgets."a".layers."b"]\nmax_peak_activation_bytes = 1', "is of a whole model"),
        ('[exempt.""]\na = "why"', "exempt: expected patterns of targets, received ''"),
        ("targets = 5", "targets: expected a list of targets, received 5"),
        ('locks = [""]', "locks: expected the path of a folder"),
        ('[exempt."a"]\nb = ""', "exempt 'b': expected a reason in words"),
        ('[severity]\nKA999 = "warning"', "severity 'KA999': no finding has that code"),
        ('[severity]\nKA112 = "off"', "severity KA112: expected error or warning"),
        ("[limits]\nsecond = 1", "limits.second: there is no such setting; did you mean 'seconds'"),
        ("[limits]\nseconds = -1", "limit seconds: expected a positive number"),
        ("targets = [", "is not TOML"),
        ("targets = [\xff]".encode("latin-1"), "is not TOML"),
    ],
)
def test_bad_settings_are_one_line_and_exit_2(project, tmp_path, text, line):
    file = tmp_path / "kerasaudit.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=line) as raised:
        read_settings(file)
    assert str(raised.value).startswith(str(file))
    code, out, err = run("nets/a.json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("kerasaudit: error: ")


def test_two_files_with_settings_are_refused(project):
    project("[tool.other]", "pyproject.toml")
    project("")
    with pytest.raises(ConfigError, match="expected settings in one file"):
        project("[tool.kerasaudit]", "pyproject.toml")


def test_a_file_without_a_section_is_refused_where_it_is_named(project, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.other]")
    with pytest.raises(ConfigError, match=re.escape("expected [tool.kerasaudit], there is none")):
        read_settings(tmp_path / "pyproject.toml")
    code, _, err = run("nets/a.json", "--config", "nowhere.toml")
    assert code == 2
    assert err == "kerasaudit: error: nowhere.toml: cannot be read: No such file or directory\n"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_value_is_a_traceback(tmp_path_factory, value):
    from kerasaudit.settings import _Reader

    for key in ("targets", "locks", "budgets", "exempt", "severity", "limits"):
        path = tmp_path_factory.getbasetemp() / "kerasaudit.toml"
        section = {key: {"a": value} if key in ("budgets", "exempt", "limits") else value}
        with contextlib.suppress(ConfigError):
            _Reader(path).settings(section)
