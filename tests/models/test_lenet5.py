"""LeNet-5: today's 61,706 and the paper's 60,000, layer by layer."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from models.lenet5 import TABLE_I, lenet5, lenet5_1998


@pytest.fixture(scope="module")
def paper():
    return ka.audit(lenet5_1998)


def counts(audit):
    return {row.path: row.derived for row in audit.layers if row.derived}


def test_todays_variant():
    audit = ka.audit(lenet5)
    assert counts(audit) == {
        "c1": 6 * (5 * 5 * 1 + 1),
        "c3": 16 * (5 * 5 * 6 + 1),
        "c5": 120 * (5 * 5 * 16 + 1),
        "f6": 84 * (120 + 1),
        "output": 10 * (84 + 1),
    }
    assert audit.totals.derived == 156 + 2_416 + 48_120 + 10_164 + 850 == 61_706


def test_the_papers_net_has_60000_trainable_parameters(paper):
    assert paper.totals.trainable == 156 + 12 + 1_516 + 32 + 48_120 + 10_164 == 60_000
    assert paper.totals.non_trainable == 10 * 84


def test_c3_is_connected_by_table_1(paper):
    held = [count for path, count in counts(paper).items() if path.startswith("c3_")]
    assert held == 6 * [3 * 25 + 1] + 9 * [4 * 25 + 1] + [6 * 25 + 1]
    assert sum(held) == 1_516
    # Table I marks 60 pairs of 96; each map of S2 is seen by ten of C3's.
    assert [sum(number in maps for maps in TABLE_I) for number in range(6)] == 6 * [10]
    assert len(set(TABLE_I)) == 16


def test_a_map_of_c3_depends_on_its_maps_of_s2_alone():
    import keras
    import numpy as np

    model = lenet5_1998()
    tail = keras.Model(model.get_layer("s2").output, model.get_layer("c3").output)
    maps = np.random.default_rng(0).normal(size=(1, 14, 14, 6)).astype("float32")
    before = np.asarray(tail(maps))
    for number in range(6):
        changed = maps.copy()
        changed[..., number] += 1
        moved = np.abs(np.asarray(tail(changed)) - before).max(axis=(0, 1, 2)) > 0
        assert moved.tolist() == [number in chosen for chosen in TABLE_I]


def test_subsampling_has_a_coefficient_and_a_bias_for_each_map(paper):
    assert counts(paper)["s2"] == 6 * 2
    assert counts(paper)["s4"] == 16 * 2
