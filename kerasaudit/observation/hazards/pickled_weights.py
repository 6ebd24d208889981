"""KA321: weights that are pickled Python objects."""

from __future__ import annotations

from collections.abc import Iterator

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.hazards.hazard import in_file, quoted

__all__ = ["KINDS", "found"]

KIND = Kind(
    "KA321",
    "pickled weights",
    "An array of the `.npz` weights holds Python objects, which NumPy stores as a pickle.",
    "To read it is to run what the pickle says: NumPy does so where it is given "
    "`allow_pickle=True`.",
    "'layers/dense/vars' holds pickled objects.",
    "Do not load the file. Ask for weights in `.h5`.",
    incomplete=True,  # what the weights are cannot be told without running it
)
KINDS = (KIND,)


def found(contents: Contents) -> Iterator[Finding]:
    """Every array of objects."""
    for dataset in contents.tree.datasets.values() if contents.tree else ():
        if dataset.dtype == "object":
            yield in_file(KIND, f"{quoted(dataset.path)} holds pickled objects")
