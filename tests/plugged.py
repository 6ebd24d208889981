"""Runs of pytest with the plugin loaded as an installed package loads it, and models for them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "tests" / "cases" / "files" / "keras-3.8.0.zip"

# 3·3·1·8 + 8 = 80 weights at 26·26 positions; 26·26·8 = 5,408 values flat, to 4 units.
CONV = 3 * 3 * 1 * 8 + 8
CONV_MACS = 26 * 26 * 3 * 3 * 8
DENSE = 26 * 26 * 8 * 4 + 4
DENSE_MACS = 26 * 26 * 8 * 4

# What of the environment changes how pytest runs or what it prints (of CI, its summary).
UNSET = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "CI", "BUILD_NUMBER")

ENTRY_POINT = "[pytest11]\nkerasaudit = kerasaudit.pytest_plugin\n"


def installed(folder: Path) -> Path:
    """A folder to find the plugin by, whether or not this environment knows of it already.

    Of two entry points of one name pytest takes the first.
    """
    information = folder / "kerasaudit_plugin-1.dist-info"
    information.mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: kerasaudit-plugin\nVersion: 1\n"
    (information / "METADATA").write_text(metadata)
    (information / "entry_points.txt").write_text(ENTRY_POINT)
    return folder


def net(*layers, name="net"):
    """The config of a Sequential model over images of 28 × 28."""
    start = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 28, 28, 1]}}
    return {"class_name": "Sequential", "config": {"name": name, "layers": [start, *layers]}}


def conv(name="conv"):
    return {"class_name": "Conv2D", "config": {"name": name, "filters": 8, "kernel_size": 3}}


def flat():
    return {"class_name": "Flatten", "config": {"name": "flat"}}


def dense(name="dense", units=4):
    return {"class_name": "Dense", "config": {"name": name, "units": units}}


def unknown(name="scale"):
    """A layer that no rule derives."""
    return {
        "module": "mine",
        "class_name": "Scale",
        "registered_name": "mine>Scale",
        "config": {"name": name},
    }


def write(path, config):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))


def write_release(folder, name):
    """A file that Keras 3.8 saved."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(RELEASE) as archive:
        archive.extract(name, folder)
    return folder / name


def write_mismatch(path):
    """`line.keras` whose config says that its head has 2 units; its weights are of 1."""
    saved = write_release(path.parent, "line.keras")
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][-1]["config"]["units"] = 2
    members["config.json"] = json.dumps(config).encode()
    saved.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
