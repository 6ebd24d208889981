"""GPT-2: the four released counts, by hand and as audited, and no weight allocated."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kerasaudit as ka
from models.gpt2 import gpt2_large, gpt2_medium, gpt2_small, gpt2_xl

SIZES = {
    gpt2_small: (12, 768, 12, 124_439_808),
    gpt2_medium: (24, 1024, 16, 354_823_168),
    gpt2_large: (36, 1280, 20, 774_030_080),
    gpt2_xl: (48, 1600, 25, 1_557_611_200),
}


@pytest.mark.parametrize("function", SIZES, ids=lambda function: function.__name__)
def test_the_counts(function):
    depth, width, heads, released = SIZES[function]
    attention = 4 * width * width + 4 * width
    dense = width * 4 * width + 4 * width + 4 * width * width + width
    block = attention + dense + 2 * 2 * width
    assert 50_257 * width + 1_024 * width + depth * block + 2 * width == released
    audit = ka.audit(function)
    totals = audit.totals
    assert audit.ok
    assert totals.derived == totals.observed == totals.reported == released
    # every position: the blocks' kernels; every pair of positions: two products; and the head
    kernels = 4 * width * width + 2 * 4 * width * width
    scores = 2 * 1_024 * 1_024 * width
    assert totals.macs == depth * (1_024 * kernels + scores) + 1_024 * width * 50_257
    attended = next(row for row in audit.layers if row.path == "block_1_attention")
    query = next(weight for weight in attended.weights if weight.name == "query/kernel")
    units = [axis for axis in query.axes if axis.unit]
    assert [(axis.symbol, axis.extent) for axis in units] == [("h", heads)]


def test_the_table_is_tied_and_counted_once():
    audit = ka.audit(gpt2_small)
    table = next(row for row in audit.layers if row.path == "tokens")
    assert (table.calls, table.derived) == (2, 50_257 * 768)


def test_the_largest_is_audited_without_allocating_it():
    """1.56 billion parameters are 6.2 GB in float32: the process takes a small part of it more."""
    code = (
        "import resource, keras, kerasaudit as ka\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert ka.audit('zoo:gpt2_xl').totals.observed == 1_557_611_200\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 500 * 1024  # in KiB
