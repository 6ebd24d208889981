"""HDF5 without the HDF5 library: which groups, datasets and links a weights file has.

`read_tree` reads the metadata of any file that h5py writes, old format and new, and never the
data of a dataset. The C library is not run on a stranger's bytes, where a flipped bit can end the
process. pyfive, which is pure Python, was tried and left: it validates by `assert`, which `-O`
takes away; it allocates what the file declares; it follows B-trees in circles; it knows nothing of
external links, external storage and virtual layouts; and it brings NumPy, fsspec and numcodecs
into a command that starts in a few tenths of a second.

Here a file is read by position through its `Source`, within its budget, on work lists instead of
recursion. Whatever is not as the format says raises `MalformedError`. Checksums are not verified:
they guard against accidents, and whoever makes a file on purpose gets them right.
"""

from __future__ import annotations

from kerasaudit.observation.hdf5.walk import read_tree

__all__ = ["read_tree"]
