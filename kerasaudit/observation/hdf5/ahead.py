"""Looking ahead in a file that is far away, so that what is needed of it comes in few answers.

A walk asks for one structure after another, each where the last one says. Where an answer takes
long, the groups are gone through level by level before, so that the structures of all groups of a
level are known, and fetched, at once. Nothing comes of it but what the source has then: the walk
reads everything again, and it is the walk that tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from kerasaudit.errors import LimitError, MalformedError
from kerasaudit.observation.hdf5.b_trees import GROUP, leaves
from kerasaudit.observation.hdf5.file import File
from kerasaudit.observation.hdf5.header import (
    HEADER_SIZE,
    LINK_INFO,
    SYMBOL_TABLE,
    read_header,
)
from kerasaudit.observation.hdf5.links import NODE_SIZE, symbol_table, symbols

__all__ = ["look_ahead"]

_TREE_SIZE = 544  # of a B-tree node for groups, as HDF5 makes it
_HEAP_SIZE = 32 + 88  # of a small group's names


def look_ahead(file: File, root: int) -> None:
    """Have the structures come of all groups in the form that Keras writes."""
    seen: set[int] = set()
    level = [root]
    limits = file.budget.limits
    try:
        while level and len(seen) + len(level) <= limits.objects:
            seen.update(level)
            tables = _tables(file, level)
            members = dict.fromkeys(_members(file, tables))  # each once, in their order
            level = [address for address in members if address not in seen]
    except (MalformedError, LimitError):
        return


def _tables(file: File, addresses: list[int]) -> list[tuple[int, int]]:
    """Where the groups among some objects have their members and the names of these."""
    file.prefetch(addresses, HEADER_SIZE)
    found = []
    for address in addresses:
        single = read_header(file, address).single
        if SYMBOL_TABLE in single and LINK_INFO not in single:
            found.append(symbol_table(file, single[SYMBOL_TABLE]))
    return found


def _members(file: File, tables: list[tuple[int, int]]) -> Iterable[int]:
    """The addresses of all members of all these groups."""
    file.prefetch((tree for tree, _ in tables), _TREE_SIZE)
    file.prefetch((names for _, names in tables), _HEAP_SIZE)
    nodes: list[int] = []
    for tree, _ in tables:
        for _, node in leaves(file, tree, GROUP, file.length_size):
            file.budget.check_time()
            nodes.append(node)
            if len(nodes) > file.budget.limits.objects:
                return
    file.prefetch(nodes, NODE_SIZE)
    for node in nodes:
        yield from (symbol.address for _, symbol in symbols(file, node) if symbol.address)
