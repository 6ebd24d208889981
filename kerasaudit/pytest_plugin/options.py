"""The options of the command line, each with its ini value, and what they come to."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest

__all__ = [
    "MARKER",
    "absolute_path",
    "add",
    "exemptions",
    "is_active",
    "is_on",
    "locks_folder",
    "roots",
]

MARKER = (
    "kerasaudit: what the kerasaudit plugin makes of models and builders: -m kerasaudit runs these "
    "alone."
)
_EVERYWHERE = ""  # --kerasaudit without a path


def add(parser: pytest.Parser) -> None:
    """Add the options and the ini values."""
    group = parser.getgroup("kerasaudit", "auditing Keras models")
    group.addoption(
        "--kerasaudit",
        action="append",
        nargs="?",
        const=_EVERYWHERE,
        metavar="PATH",
        dest="kerasaudit_paths",
        help="Make tests of the builders (@kerasaudit.builder) and the model files in PATH, a "
        "file, folder or glob (--kerasaudit=PATH, repeatable); without PATH, of those wherever "
        "pytest looks for tests. Ini: kerasaudit_paths, relative to the ini file.",
    )
    parser.addini("kerasaudit_paths", "files, folders and globs to audit", type="paths")
    group.addoption(
        "--kerasaudit-exempt",
        action="append",
        default=[],
        metavar="[TARGET::]LAYER=REASON",
        dest="kerasaudit_exempt",
        help="Waive a layer (a path or a pattern) with the reason: of the models that TARGET "
        "names, or of all. Its test is then skipped. Repeatable. Ini: kerasaudit_exempt.",
    )
    parser.addini("kerasaudit_exempt", "layers to waive, [TARGET::]LAYER=REASON", type="linelist")
    group.addoption(
        "--kerasaudit-locked",
        action="store_true",
        dest="kerasaudit_locked",
        help="Hold each model against its lock, in a test of its own, and its layers by the names "
        "that are locked. Ini: kerasaudit_locked.",
    )
    parser.addini("kerasaudit_locked", "hold models against their locks", type="bool")
    group.addoption(
        "--kerasaudit-update-locks",
        action="store_true",
        dest="kerasaudit_update_locks",
        help="Write the locks anew, and remove those of models that are gone. "
        "Ini: kerasaudit_update_locks.",
    )
    parser.addini("kerasaudit_update_locks", "write the locks anew", type="bool")
    group.addoption(
        "--kerasaudit-locks",
        metavar="FOLDER",
        dest="kerasaudit_locks",
        help="Where the locks are; by default as in the settings, or audits. Ini: "
        "kerasaudit_locks, relative to the ini file.",
    )
    parser.addini("kerasaudit_locks", "the folder of the locks", type="paths")


def is_active(config: pytest.Config) -> bool:
    """Whether models are collected in this run.

    Raises:
        UsageError: they are not, but an option is given that is for it.
    """
    if config.getoption("kerasaudit_paths") or config.getini("kerasaudit_paths"):
        return True
    for name in ("locked", "update_locks", "locks", "exempt"):
        if config.getoption(f"kerasaudit_{name}"):
            raise pytest.UsageError(
                f"--kerasaudit-{name.replace('_', '-')}: expected --kerasaudit or kerasaudit_paths "
                "with it, no model is collected"
            )
    return False


def roots(config: pytest.Config) -> tuple[list[Path], list[Path], bool]:
    """The paths of the command line, those of the ini file, and whether it is everywhere.

    Raises:
        UsageError: one of them names nothing.
    """
    given = config.getoption("kerasaudit_paths") or []
    folder = config.invocation_params.dir
    named = [folder / text for text in given if text != _EVERYWHERE]
    from_ini = _expanded("kerasaudit_paths", config.getini("kerasaudit_paths"))
    # The ini file says where, if it says so; the option alone says that it is to be done.
    everywhere = _EVERYWHERE in given and not from_ini
    return _expanded("--kerasaudit", named), from_ini, everywhere


def _expanded(option: str, paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.exists():
            found.append(absolute_path(path))
            continue
        matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute patterns too
        if not matches:
            raise pytest.UsageError(f"{option}: {path}: no such file or folder, and no glob of any")
        found += [absolute_path(Path(match)) for match in matches]
    return list(dict.fromkeys(found))


def absolute_path(path: Path) -> Path:
    """The path from the root without "..", its links not followed: as pytest has its paths."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def is_on(config: pytest.Config, name: str) -> bool:
    """Whether a switch is on, on the command line or in the ini file."""
    return bool(config.getoption(name) or config.getini(name))


def locks_folder(config: pytest.Config, otherwise: Path | None) -> Path:
    """Where the locks are: as the options say, or as the settings do, or in `audits`.

    Raises:
        UsageError: the ini file names several folders.
    """
    given = config.getoption("kerasaudit_locks")
    if given:
        return absolute_path(config.invocation_params.dir / str(given))
    named: list[Path] = config.getini("kerasaudit_locks")
    if len(named) > 1:
        raise pytest.UsageError(f"kerasaudit_locks: expected one folder, received {len(named)}")
    return absolute_path(named[0] if named else otherwise or config.rootpath / "audits")


def exemptions(config: pytest.Config) -> list[tuple[str, str, str]]:
    """What is waived: a pattern of targets, a layer's path or pattern, and the reason.

    Raises:
        UsageError: an exemption has no layer or no reason.
    """
    texts = [*config.getini("kerasaudit_exempt"), *config.getoption("kerasaudit_exempt")]
    return [_exemption(text) for text in texts]


def _exemption(text: str) -> tuple[str, str, str]:
    where, _, reason = text.partition("=")
    target, _, layer = where.rpartition("::")
    if not layer.strip() or not reason.strip():
        raise pytest.UsageError(
            f"--kerasaudit-exempt: expected [TARGET::]LAYER=REASON, received {text!r}"
        )
    return target.strip() or "*", layer.strip(), reason.strip()
