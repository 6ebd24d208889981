"""A diagnosis as a whole: blocks, streams, taps, what cannot be judged, and healthy trainings."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.errors import RuleError
from kerasaudit.finding import Kind
from kerasaudit.gradients.block import STEP_STATUSES
from kerasaudit.gradients.diagnosis import DIAGNOSES, KINDS, Diagnosis, incomplete
from kerasaudit.gradients.diagnosis.rule import diagnosis, register_kind
from kerasaudit.gradients.inventory import Inventory
from tests.gradients.diagnosis.blocks import Recording, dense, network

ALL = ("l2", "max_abs", "weight_l2", "weight_std", "update_l2", "update_ratio")
THREE = network("a", "b", "c", kernels=3)
LEVELS = [0.0, 1e-9, 0.01, 0.01, 0.5, 1.0, 1e4, np.nan, np.inf]
# Short enough to meet their conditions in a few steps.
QUICK = {
    "loss-scale-overflow": {"k": 2, "n": 3},
    "vanishing": {"warmup": 1, "k": 2, "n": 3},
    "exploding": {"k": 2, "n": 4, "window": 10},
    "dead": {"steps": 3, "layer_steps": 2, "share": 0},
    "unchanged": {"steps": 2},
    "update-ratio": {"warmup": 1, "k": 2, "n": 3},
    "identical-kernels": {"steps": 2},
}


def messy(seed, steps=24, optimizer="optimizer", tap="raw"):
    """A recording in which anything may happen to any kernel, for a few steps or for long."""
    recording = Recording(THREE, steps, ALL, optimizer=optimizer, tap=tap, seed=seed)
    random = recording.random
    for values in recording.values.values():
        for kernel in range(values.shape[1]):
            row = 0
            while row < steps:
                stop = row + int(random.integers(1, 12))
                values[row:stop, kernel] = random.choice(LEVELS)
                row = stop
    if random.random() < 0.5:  # two copies
        copies = slice(recording.place("b").start, recording.place("b").start + 2)
        for values in recording.values.values():
            values[4:16, copies] = random.uniform(0.01, 0.02, (12, 1))
    recording.status[:] = random.choice(len(STEP_STATUSES), steps, p=[0.7, 0.2, 0.1])
    recording.loss[:] = random.choice([1.0, 0.1, np.nan], steps)
    recording.loss_known[:] = random.random(steps) < 0.7
    recording.learning_rate[random.random(steps) < 0.5] = np.nan
    return recording


def cut(block, cuts):
    edges = [0, *sorted(cuts), len(block)]
    return [block.take(slice(a, b)) for a, b in itertools.pairwise(edges)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.lists(st.integers(0, 24), max_size=8), min_size=3, max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_findings_do_not_depend_on_how_steps_are_cut_or_streams_take_turns(seed, cuts, order):
    streams = [
        messy(seed),
        messy(seed + 1, tap="applied"),
        messy(seed + 2, optimizer="other", tap="clipped"),
    ]
    whole = Diagnosis(THREE, ALL, QUICK)
    for stream in streams:
        whole.observe(stream.block)
    queues = [cut(stream.block, c) for stream, c in zip(streams, cuts, strict=True)]
    pieces = Diagnosis(THREE, ALL, QUICK)
    while any(queues):
        pieces.observe(order.choice([queue for queue in queues if queue]).pop(0))
        assert pieces.findings is pieces.findings
    assert pieces.findings == whole.findings
    assert pieces.unavailable == whole.unavailable


def test_messy_recordings_meet_every_condition():
    names = {f.name for seed in range(60) for f in messy(seed).findings(QUICK)}
    assert names == set(DIAGNOSES) - {"no-gradient"}


@pytest.mark.parametrize("seed", range(12))
def test_healthy_noise_raises_nothing(seed):
    """Lognormal gradients, layers of several scales that decay and recover, heavy tails."""
    inventory = Inventory(
        tuple(w for i, n in enumerate((9, 72, 300, 30)) for w in dense(f"l{i}", n, 12))
    )
    steps = 3000
    recording = Recording(inventory, steps, ALL, seed=seed)
    random = recording.random
    batch = np.exp(random.normal(0, 1, (steps, 1)))  # a batch is hard or easy for all layers
    decay = np.geomspace(1, 10.0 ** random.uniform(-4, 0), steps)[:, None]
    for i in range(4):
        place = recording.place(f"l{i}")
        scale = 10.0 ** random.uniform(-2.5, -0.5)
        noise = np.exp(random.normal(0, 0.7, (steps, place.stop - place.start)))
        for statistic, root in (("l2", np.sqrt(recording.sizes[place])), ("max_abs", 3.0)):
            recording.values[statistic][:, place] = scale * root * noise * batch * decay
    recording.values["update_ratio"] = 2e-3 * np.exp(random.normal(0, 0.7, (steps, 96)))
    diagnosis = Diagnosis(inventory, ALL)
    for block in cut(recording.block, range(64, steps, 64)):
        diagnosis.observe(block)
    assert diagnosis.findings == ()


def test_overflowed_steps_reach_no_other_diagnosis():
    recording = Recording(THREE, 40, ALL)
    rows = slice(5, 15)
    for values in recording.values.values():
        values[rows] = np.nan
    assert recording.say("overflow", rows).names() == []
    recording.values["max_abs"][rows] = 0.0
    recording.say("accumulated", rows)  # shown again
    assert set(recording.names()) == {"non-finite", "dead"}


def test_findings_stand_by_step_and_then_in_backward_order():
    recording = Recording(THREE, 40).zero("a", slice(20, 40)).zero("c", slice(20, 40))
    recording.put("l2", "b", np.nan, 5).absent("a/bias")
    found = [(f.step, f.layer, f.name) for f in recording.findings()]
    assert found == [
        (None, "a", "no-gradient"),
        (5, "b", "non-finite"),
        (20, "c", "dead"),
        (20, "a", "dead"),
    ]


class TestTaps:
    def test_the_raw_tap_is_watched_where_there_is_one(self):
        diagnosis = Diagnosis(THREE, ("l2", "max_abs"))
        diagnosis.observe(Recording(THREE, 20, tap="clipped").zero("b").block)
        assert [(f.name, f.tap) for f in diagnosis.findings] == [("dead", "clipped")]
        diagnosis.observe(Recording(THREE, 20).block)
        assert diagnosis.findings == ()

    def test_changes_of_weights_are_no_gradients(self):
        diagnosis = Diagnosis(THREE, ("l2", "max_abs"))
        diagnosis.observe(Recording(THREE, 20, tap="applied").zero("b").block)
        assert diagnosis.findings == ()
        assert ("dead", "the tap raw or clipped") in diagnosis.unavailable

    def test_each_optimizer_by_itself(self):
        diagnosis = Diagnosis(THREE, ("l2", "max_abs"), session=2)
        diagnosis.observe(Recording(THREE, 3, optimizer="one").zero("b").block)
        diagnosis.observe(Recording(THREE, 3, optimizer="two").zero("b").block)
        assert diagnosis.findings == ()  # three steps each are not five
        diagnosis.observe(Recording(THREE, 3, optimizer="two", first=3).zero("b").block)
        (found,) = diagnosis.findings
        assert (found.optimizer, found.session, found.step) == ("two", 2, 0)


class TestUnavailable:
    def test_what_is_not_recorded_is_named(self):
        assert Diagnosis(THREE, ("l2", "max_abs")).unavailable == (
            ("dead", "weight_l2"),
            ("unchanged", "update_l2"),
            ("update-ratio", "update_ratio"),
            ("initial-variance", "weight_std"),
            ("initial-variance", "weight_l2"),
        )
        assert Diagnosis(THREE, ALL).unavailable == ()

    def test_a_diagnosis_that_is_switched_off_misses_nothing(self):
        off = dict.fromkeys(("dead", "unchanged", "update-ratio", "initial-variance"))
        assert Diagnosis(THREE, ("l2", "max_abs"), off).unavailable == ()

    def test_one_statistic_alone(self):
        diagnosis = Diagnosis(THREE, ("mean_abs",))
        diagnosis.observe(Recording(THREE, 30, ("mean_abs",)).block)
        assert {"vanishing", "exploding", "dead", "identical-kernels"} <= {
            name for name, _ in diagnosis.unavailable
        }
        assert "non-finite" not in {name for name, _ in diagnosis.unavailable}
        assert diagnosis.findings == ()

    def test_nothing_is_recorded(self):
        inventory = Inventory(tuple(dense("a", 9, 4, status="frozen")))
        diagnosis = Diagnosis(inventory, ("l2",), {"no-gradient": {"frozen": True}})
        assert [f.name for f in diagnosis.findings] == ["no-gradient"]


class TestRegistry:
    def test_every_diagnosis_is_found_and_documented(self):
        assert list(KINDS) == [f"KA{number}" for number in range(401, 412)]
        assert [rule.kind.code for rule in DIAGNOSES.values()] == list(KINDS)[:-1]
        for rule in DIAGNOSES.values():
            assert rule.thresholds.__doc__
            assert rule.kind.documentation.count("\n") > 3

    def test_names_and_codes_are_given_once(self):
        kind = Kind("KA401", "another", "", "", "", "")
        with pytest.raises(RuleError, match="KA401 is taken"):
            register_kind(kind)
        with pytest.raises(RuleError, match="'dead' is registered already"):
            diagnosis("dead", kind, object)(DIAGNOSES["dead"].watch)

    def test_numpy_is_not_imported_before_a_block_is(self):
        code = (
            "import sys; from kerasaudit.gradients.diagnosis import KINDS; "
            "sys.exit('numpy' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_an_incomplete_record(self):
        found = incomplete("100 steps, 36 recorded", step=36, evidence={"steps": 100})
        assert (found.code, found.name, found.incomplete) == ("KA411", "incomplete", True)
        assert (found.path, found.step, found.evidence) == ("optimizer", 36, {"steps": 100})
