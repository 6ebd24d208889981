"""Every hostile file: its name, what makes it, and what an audit must say of it."""

from __future__ import annotations

from typing import NamedTuple

from tests.observation.hostile.archives import archive_files
from tests.observation.hostile.configs import config_files
from tests.observation.hostile.hdf5 import hdf5_files


class Case(NamedTuple):
    """A file, the codes that must be among those found, and the exit status."""

    name: str
    suffix: str
    data: bytes
    codes: set[str]
    status: int

    def write(self, folder):
        path = folder / f"{self.name}{self.suffix}"
        path.write_bytes(self.data)
        return path


def every_case():
    return [Case(*one) for one in (*config_files(), *archive_files(), *hdf5_files())]
