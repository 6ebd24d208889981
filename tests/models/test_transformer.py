"""The Transformer's base model: its sizes by hand, and what Table 3 says of them."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from models.transformer import transformer_base


@pytest.fixture(scope="module")
def audit():
    return ka.audit(transformer_base)


def test_the_count(audit):
    attention = 4 * 512 * 512 + 4 * 512
    dense = 512 * 2048 + 2048 + 2048 * 512 + 512
    encoder = 6 * (attention + dense + 2 * 2 * 512)
    decoder = 6 * (2 * attention + dense + 3 * 2 * 512)
    assert audit.totals.params == 37_000 * 512 + encoder + decoder == 63_082_496


def test_the_docstring_s_figures():
    """Without the biases of its eighteen attentions, and with the vocabulary of 65 million."""
    assert 63_082_496 - 18 * 4 * 512 == 63_045_632
    assert round((65_000_000 - (63_082_496 - 37_000 * 512)) / 512, -2) == 40_700


def test_one_table_serves_source_target_and_output(audit):
    table = next(row for row in audit.layers if row.path == "tokens")
    assert (table.calls, table.derived) == (3, 37_000 * 512)


def test_the_table_of_the_paper_is_an_erratum(audit):
    claim = next(claim for claim in audit.claims if "Table 3, base, params" in claim.source)
    assert claim.status == "erratum"
