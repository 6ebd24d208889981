"""KA311, KA312: arrays whose data is in other files, or put together from other arrays."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards.hazard import in_file, quoted

__all__ = ["KINDS", "found"]

EXTERNAL = Kind(
    "KA311",
    "an array stored in another file",
    "The data of an array is said to be in another file (HDF5 external storage). It is not opened.",
    "HDF5 reads that file's bytes as weights, whatever it is; no safe mode hinders it "
    "(CVE-2026-1669, GHSA-3m4q-jmj6-r34q).",
    "the data of 'layers/dense/vars/0' is in '/etc/passwd'.",
    "Do not load the file: Keras stores its weights in the file itself.",
)
VIRTUAL = Kind(
    "KA312",
    "a virtual array",
    "An array is put together from others, which may be in other files (HDF5 virtual dataset). "
    "They are not opened.",
    "It reads other files as external storage does; Keras refuses it from 3.15 on.",
    "'layers/dense/vars/0' is a virtual array.",
    "Do not load the file: Keras writes no virtual arrays.",
)
KINDS = (EXTERNAL, VIRTUAL)


def found(contents: Contents) -> Iterator[Finding]:
    """Every array that is not in the file itself."""
    for dataset in contents.tree.datasets.values() if contents.tree else ():
        if dataset.storage == "external" or dataset.external:
            files = ", ".join(map(quoted, dataset.external[:3])) or "another file"
            yield in_file(EXTERNAL, f"the data of {quoted(dataset.path)} is in {files}")
        if dataset.storage == "virtual":
            yield in_file(VIRTUAL, f"{quoted(dataset.path)} is a virtual array")
