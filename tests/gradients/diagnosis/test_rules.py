"""Each diagnosis: it finds its condition where and when it is, and nothing one notch below."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kerasaudit.gradients.diagnosis import Diagnosis
from kerasaudit.gradients.diagnosis.initial_variance import fans
from kerasaudit.gradients.inventory import Inventory, WeightEntry
from tests.gradients.diagnosis.blocks import Recording, dense, network, weight

THREE = network("a", "b", "c")  # kernel: 4 kernels of 9 elements; bias: 4 of 1
APART = {"identical-kernels": None}  # figures put for all kernels alike are none of its business
UPDATES = ("l2", "max_abs", "weight_l2", "update_l2", "update_ratio")


def only(recording, name, thresholds=None):
    """The one finding that there is to be, of that name."""
    findings = recording.findings(thresholds)
    assert [f.name for f in findings] == [name]
    return findings[0]


class TestNonFinite:
    @pytest.mark.parametrize(("statistic", "value"), [("l2", np.nan), ("max_abs", np.inf)])
    def test_first_step_and_first_layer_in_backward_order(self, statistic, value):
        recording = Recording(THREE, 20)
        recording.put(statistic, "a", value, slice(7, 9))
        recording.put(statistic, "b/kernel", value, 7, kernel=2)
        found = only(recording, "non-finite")
        assert (found.code, found.path, found.kernel) == ("KA401", "b/kernel", 2)
        assert (found.step, found.last_step, found.kernels, found.share) == (7, 8, 1, 1 / 4)
        assert found.evidence["layers_affected"] == 2
        assert found.evidence["loss"] == 0.5

    def test_several_kernels_have_no_index(self):
        recording = Recording(THREE, 3).put("l2", "c/bias", np.nan, 1)
        found = only(recording, "non-finite")
        assert (found.weight, found.kernel, found.kernels, found.share) == ("bias", None, 4, 1.0)
        assert found.evidence["kernels"] == "0, 1, 2, 3"

    def test_loss_of_the_step_before_in_an_earlier_block(self):
        recording = Recording(THREE, 6).put("l2", "c", np.nan, 4)
        recording.loss[3] = np.nan
        diagnosis = Diagnosis(THREE, recording.statistics)
        diagnosis.observe(recording.block.take(slice(0, 4)))
        assert diagnosis.findings == ()
        diagnosis.observe(recording.block.take(slice(4, 6)))
        evidence = diagnosis.findings[0].evidence
        assert (evidence["loss"], evidence["loss_before"]) == (0.5, "nan")

    def test_unknown_loss_is_null(self):
        recording = Recording(THREE, 2).put("l2", "c", np.nan, 0)
        recording.loss_known[:] = False
        evidence = only(recording, "non-finite").evidence
        assert (evidence["loss"], evidence["loss_before"]) == (None, None)

    def test_overflowed_steps_and_absent_weights_are_not_meant(self):
        recording = Recording(THREE, 20).put("l2", "b", np.nan, 3).say("overflow", 3)
        assert recording.absent("a/bias").names() == ["no-gradient"]

    def test_told_from_any_statistic_of_the_gradient(self):
        recording = Recording(THREE, 9, ("mean", "std")).put("mean", "a/kernel", np.nan, 4, 1)
        assert only(recording, "non-finite").step == 4


class TestLossScale:
    def overflowed(self, steps, rows):
        recording = Recording(THREE, steps)
        recording.loss_scale[:] = 2.0**15
        recording.values["l2"][rows] = np.inf
        return recording.say("overflow", rows)

    def test_a_start_that_halves_the_scale_15_times_is_healthy(self):
        assert self.overflowed(100, slice(0, 15)).names() == []

    def test_26_of_50_steps(self):
        rows = np.r_[10:35]  # 25 of them
        assert self.overflowed(100, rows).names() == []
        found = only(self.overflowed(100, np.r_[10:35, 59]), "loss-scale-overflow")
        assert (found.code, found.step, found.last_step) == ("KA402", 10, 59)
        assert (found.layer, found.path) == (None, "optimizer")
        assert found.evidence == {"overflows": 26, "steps": 100, "loss_scale": 2.0**15}
        assert self.overflowed(100, np.r_[10:35, 60]).names() == []  # 26 of 51

    def test_every_step_so_far(self):
        # A start may halve a scale of 2 ** 15 in each of its first 15 steps.
        assert self.overflowed(15, slice(None)).names() == []
        found = only(self.overflowed(16, slice(None)), "loss-scale-overflow")
        assert (found.step, found.last_step, found.share) == (0, 15, 1.0)
        assert self.overflowed(17, slice(0, 16)).names() == []  # the next step was good
        assert self.overflowed(17, slice(1, 17)).names() == []
        few = {"loss-scale-overflow": {"start": 3}}
        assert self.overflowed(3, slice(None)).names(few) == ["loss-scale-overflow"]

    def test_every_step_of_a_training_that_is_over_however_few(self):
        for rows, names in ((slice(None), ["loss-scale-overflow"]), (slice(0, 2), [])):
            diagnosis = self.overflowed(3, rows).diagnosis()
            assert diagnosis.findings == ()
            diagnosis.end()
            assert [f.name for f in diagnosis.findings] == names
        healthy = Recording(THREE, 3).diagnosis()
        healthy.end()
        assert healthy.findings == ()


class TestVanishing:
    def test_absolute(self):
        recording = Recording(THREE, 20)
        small = recording.put("max_abs", "b/kernel", 0.99e-7)
        found = only(small, "vanishing")
        # The first 5 steps are warm-up, then 8 of 10.
        assert (found.code, found.path, found.step, found.last_step) == ("KA403", "b", 5, 19)
        assert found.evidence["confirmed_at"] == 5 + 8 - 1
        assert (found.kernels, found.share) == (4, 1.0)
        recording.put("max_abs", "b/kernel", 1.01e-7, kernel=3)  # one kernel is enough
        assert recording.names() == []

    def test_zero_is_not_vanishing(self):
        recording = Recording(THREE, 20).zero("b/kernel")
        assert recording.names() == ["dead"]

    def test_bias_does_not_count(self):
        assert Recording(THREE, 20).scale("b/bias", 1e-9).names() == []

    def test_relative_to_the_median_layer(self):
        inventory = network("a", "b", "c")
        recording = Recording(inventory, 20, level=10.0)
        recording.put("l2", "b/kernel", 3 * 0.85e-5)  # √9 · rms; the median is 9 to 11
        recording.put("max_abs", "b/kernel", 1e-5)
        found = only(recording, "vanishing", APART)
        assert (found.layer, found.step) == ("b", 5)
        recording.put("l2", "b/kernel", 3 * 1.2e-5)
        assert recording.names(APART) == []

    def test_first_layer_beside_the_last_names_where_it_is_gone(self):
        # A gradient that falls by 100 from layer to layer: a 1e-10, b 1e-8, … , f 1e0.
        inventory = network(*"abcdef")
        recording = Recording(inventory, 20, level=1.0)
        for i, layer in enumerate("abcdef"):
            recording.scale(layer, 100.0 ** (i - 5))
        recording.scale("d/kernel", 1.2)  # d is 1e-4 ± 10 %: to have it on one side of 1e-4
        found = only(recording, "vanishing")
        assert (found.layer, found.step) == ("c", 5)
        assert (found.evidence["layers_affected"], found.evidence["layers"]) == (3, 6)
        assert found.evidence["rms"] == pytest.approx(1e-6, rel=0.1)
        assert found.evidence["first_rms"] == pytest.approx(1e-10, rel=0.1)
        assert (found.evidence["first_layer"], found.evidence["last_layer"]) == ("a", "f")

    def test_first_layer_that_has_any_gradient(self):
        # a underflowed to zero; b is 1e-6, c is 1e-2.
        recording = Recording(THREE, 20).scale("b", 1e-4).zero("a")
        found = {f.name: f for f in recording.findings()}
        assert set(found) == {"dead", "vanishing"}
        evidence = found["vanishing"].evidence
        assert found["vanishing"].layer == "b"
        assert evidence["first_rms"] == evidence["rms"] == pytest.approx(1e-6, rel=0.1)
        assert evidence["last_rms"] == pytest.approx(1e-2, rel=0.1)
        assert evidence["ratio"] == pytest.approx(1e-4, rel=0.2)
        assert (evidence["layers_affected"], evidence["layers_zero"]) == (2, 1)

    def test_ratio_needs_both(self):
        recording = Recording(network("a", "b"), 20)
        recording.put("l2", "b/kernel", 3 * 0.05).put("max_abs", "a/kernel", 1e-4)
        recording.put("l2", "a/kernel", 3 * 0.99e-3 * 0.05)
        assert recording.names(APART) == ["vanishing"]
        recording.put("l2", "a/kernel", 3 * 1.01e-3 * 0.05)
        assert recording.names(APART) == []
        recording.put("l2", "b/kernel", 3 * 1.0).put("l2", "a/kernel", 3 * 1.01e-4)
        assert recording.names(APART) == []

    def test_a_converged_training_is_not_meant(self):
        recording = Recording(THREE, 60)
        recording.loss[:] = np.geomspace(1, 1e-6, 60)
        for layer in "abc":
            recording.scale(layer, 1e-6, slice(30, 60))
        assert recording.names() == []
        recording.loss[:] = 1.0  # gone, and nothing was learned
        assert recording.names() == ["vanishing"] * 3

    def test_an_output_that_never_had_a_gradient_is_meant(self):
        recording = Recording(THREE, 20, level=1e-9)
        assert [f.layer for f in recording.findings()] == ["c", "b", "a"]

    def test_seven_of_ten_are_not_enough(self):
        rows = np.r_[5:12, 15:22]
        recording = Recording(THREE, 30)
        recording.values["max_abs"][np.ix_(rows, np.r_[recording.place("b/kernel")])] = 1e-9
        assert recording.names() == []
        recording.put("max_abs", "b/kernel", 1e-9, 12)  # 5 … 12 are 8
        found = only(recording, "vanishing")
        assert (found.step, found.evidence["confirmed_at"]) == (5, 12)

    def test_rows_of_an_embedding_are_not_compared(self):
        entries = dense("embedding", 9, 4, class_name="Embedding") + dense("b", 9, 4)
        recording = Recording(Inventory(tuple(entries)), 20, level=1.0)
        recording.scale("embedding", 1e-5)
        assert recording.names() == []
        assert recording.names({"vanishing": {"exempt": []}}) == ["vanishing"]


class TestExploding:
    def test_absolute(self):
        recording = Recording(THREE, 20, level=300.0).put("l2", "b/kernel", 3 * 990.0)
        assert recording.names() == []
        recording.put("l2", "b/kernel", 3 * 1010.0, slice(4, 7))
        recording.put("l2", "b/kernel", 3 * 2000.0, slice(4, 7), kernel=2)
        found = only(recording, "exploding")
        assert (found.code, found.path, found.step, found.last_step) == ("KA404", "b", 4, 6)
        assert found.evidence["largest"] == "b/kernel, kernel 2"
        assert found.evidence["exceeds"] == "absolute"
        assert found.evidence["rms"] == pytest.approx(math.sqrt((3 * 1010**2 + 2000**2) / 4))
        assert (found.kernels, found.share) == (4, 1.0)

    def test_growth_since_the_first_step(self):
        recording = Recording(THREE, 20, level=0.5)
        recording.put("l2", "b/kernel", 3 * 0.5, 0)
        recording.put("l2", "b/kernel", 3 * 49.0, slice(3, 20))
        assert recording.names() == []
        recording.put("l2", "b/kernel", 3 * 51.0, slice(3, 20))
        found = only(recording, "exploding")
        assert (found.layer, found.step, found.evidence["exceeds"]) == ("b", 3, "growth")
        assert found.evidence["growth_bound"] == pytest.approx(50, rel=1e-6)

    def test_growth_from_next_to_nothing_is_healthy(self):
        recording = Recording(THREE, 60, level=0.5)
        for layer in "abc":
            recording.scale(layer, 1e-4, slice(0, 30))
        assert recording.names({"vanishing": None}) == []

    def test_a_single_step_of_a_thousand_times_the_first(self):
        recording = Recording(THREE, 20, level=0.01).put("l2", "b/kernel", 3 * 0.01, 0)
        recording.put("l2", "b/kernel", 3 * 9.9, 5)
        assert recording.names() == []
        recording.put("l2", "b/kernel", 3 * 10.1, 5)
        found = only(recording, "exploding")
        assert (found.layer, found.step, found.last_step) == ("b", 5, 5)
        assert found.evidence["exceeds"] == "extreme, growth"
        assert found.evidence["extreme_bound"] == pytest.approx(10, rel=1e-6)
        assert found.message.startswith("at step 5, the gradient of 'b' explodes: root mean")
        recording.put("l2", "b/kernel", 3 * 2.0, slice(3, 5))  # 200 times: two more steps
        found = only(recording, "exploding")
        assert (found.step, found.last_step) == (3, 5)
        assert found.message.startswith("from step 3 on")
        assert recording.names({"exploding": {"floor": 11.0}}) == []

    def test_a_single_step_and_a_row_of_them_are_one_finding(self):
        recording = Recording(THREE, 20).put("l2", "b/kernel", 3 * 0.01, 0)
        recording.put("l2", "b/kernel", 3 * 11.0, 2).put("l2", "b/kernel", 3 * 2.0, slice(13, 16))
        found = only(recording, "exploding")
        assert (found.step, found.last_step) == (2, 15)

    def test_a_single_step_below_the_floor_is_not_meant(self):
        recording = Recording(THREE, 20).put("l2", "c/kernel", 3 * 1.5)  # above it, and healthy
        recording.put("l2", "b/kernel", 3 * 1e-4, 0).put("l2", "b/kernel", 3 * 0.99, 5)
        assert recording.names(APART) == []
        assert recording.put("l2", "b/kernel", 3 * 1.01, 5).names(APART) == ["exploding"]

    def test_spikes_beside_the_running_median(self):
        recording = Recording(THREE, 80, level=30.0)
        for layer in "abc":
            recording.scale(layer, 1e-2, slice(20, 80))  # 0.3, and the first step was 30
        recording.put("l2", "c/kernel", 3 * 0.3, slice(20, 80))
        recording.put("l2", "c/kernel", 3 * 29.0, slice(71, 74))
        assert recording.names() == []
        recording.put("l2", "c/kernel", 3 * 31.0, slice(71, 73))
        assert recording.names() == []  # two are not three
        recording.put("l2", "c/kernel", 3 * 31.0, 73)
        found = only(recording, "exploding")
        assert (found.layer, found.step, found.evidence["exceeds"]) == ("c", 71, "spike")
        assert found.evidence["spike_bound"] == pytest.approx(30, rel=1e-6)

    def test_first_layer_beside_the_last(self):
        recording = Recording(THREE, 20, level=1.0).put("l2", "c/kernel", 3 * 1.0)
        recording.put("l2", "a/kernel", 3 * 69.0)
        assert recording.names() == []
        recording.put("l2", "a/kernel", 3 * 71.0)
        found = only(recording, "exploding")
        assert (found.layer, found.evidence["exceeds"]) == ("a", "ratio")
        assert recording.names({"exploding": {"floor": 72.0}}) == []

    def test_layers_that_explode_together_are_one_finding(self):
        recording = Recording(THREE, 60).put("l2", "a/kernel", 1e5, slice(22, 26))
        recording.put("l2", "b/kernel", 1e5, slice(20, 24))
        recording.put("l2", "c/kernel", 1e5, slice(40, 44))
        first, second = recording.findings()
        assert (first.layer, first.step, first.evidence["layers_affected"]) == ("b", 20, 2)
        assert (second.layer, second.step, second.evidence["layers_affected"]) == ("c", 40, 1)
        assert "explodes, the first of 2 layers: " in first.message
        assert "explodes: " in second.message


class TestDead:
    def test_one_kernel_and_its_bias(self):
        recording = Recording(THREE, 60)
        recording.zero("b/kernel", slice(3, 52), kernel=2).zero("b/bias", kernel=2)
        one = {"dead": {"share": 0}}
        assert recording.names(one) == []  # 49 steps
        recording.zero("b/kernel", 52, kernel=2)
        found = only(recording, "dead", one)
        assert (found.code, found.path, found.kernel) == ("KA405", "b/kernel", 2)
        assert (found.step, found.last_step, found.kernels, found.share) == (3, 52, 1, 1 / 4)
        assert found.evidence["dead in bias"] == 1
        assert recording.names() == []  # a quarter of the layer: healthy by default
        assert recording.names({"dead": {"share": 0, "steps": 51}}) == []

    def test_seven_tenths_of_a_layer(self):
        recording = Recording(network("a", "b", kernels=10), 60)
        for kernel in (0, 1, 2, 4, 5, 6):
            recording.zero("b/kernel", kernel=kernel)
        assert recording.names() == []
        found = only(recording.zero("b/kernel", kernel=9), "dead")
        assert (found.kernel, found.kernels, found.share) == (None, 7, 0.7)
        assert found.evidence["kernels"] == "0, 1, 2, 4, 5, 6, 9"
        recording.put("max_abs", "b/kernel", 0.1, slice(0, 4), kernel=0)
        assert only(recording, "dead").step == 0
        for kernel in (1, 2, 4, 5, 6, 9):
            recording.put("max_abs", "b/kernel", 0.1, 0, kernel=kernel)
        assert only(recording, "dead").step == 1

    def test_a_layer_killed_by_its_bias(self):
        # Nothing flows back through b, so a is cut off; c is fed zeros, but its bias lives.
        recording = Recording(THREE, 20).zero("a").zero("b").zero("c/kernel")
        found = only(recording, "dead")
        assert (found.path, found.weight, found.step, found.last_step) == ("b", None, 0, 19)
        assert (found.kernels, found.share) == (8, 1.0)
        assert found.evidence["layers_affected"] == 3
        assert "zero; so is 'a', before it; 'c', after it, is fed zeros" in found.message
        # Had a been killed, b would be silent, too, unless one of its biases is positive.
        assert found.message.endswith("begun in any of 'a', 'b': recording weight_l2 may tell")
        assert found.evidence["candidates"] == "a, b"

    def test_one_silent_layer_is_in_no_doubt(self):
        found = only(Recording(THREE, 20).zero("a").zero("b/kernel"), "dead")
        assert (found.layer, found.evidence["candidates"]) == ("a", "a")
        assert found.message.endswith("is exactly zero; 'b', after it, is fed zeros")
        assert found.advice.startswith("Look at the layer's bias")

    def test_a_layer_that_is_given_zeros_keeps_its_bias(self):
        found = only(Recording(THREE, 20).zero("a/kernel"), "dead")
        assert (found.layer, found.kernels) == ("a", 4)
        assert found.message.endswith("zero; that of its bias is not: it is fed zeros")
        assert found.advice == "Look at what the layer is given: its inputs are all zero."

    def test_the_layer_whose_biases_outweigh_its_kernels(self):
        # All but c are silent. Norms of kernels are 0.27 to 0.33 here: six times is below 2.
        recording = Recording(network(*"abcd"), 20, ("l2", "max_abs", "weight_l2"))
        recording.zero("a").zero("b").zero("c").zero("d/kernel")
        for layer in "abc":
            recording.put("weight_l2", f"{layer}/bias", 1.9)
        found = only(recording, "dead")
        assert (found.layer, found.evidence["candidates"]) == ("c", "a, b, c")
        assert found.message.endswith("their biases do not tell")
        recording.put("weight_l2", "b/kernel", 0.3).put("weight_l2", "b/bias", 1.81)
        found = only(recording, "dead")
        assert (found.layer, found.evidence["candidates"]) == ("b", "b")
        assert found.evidence["killed_by_bias"] == 4
        recording.put("weight_l2", "b/bias", 1.79, kernel=1)  # one of four is not
        assert only(recording, "dead").layer == "c"
        recording.put("weight_l2", "b/bias", 2.0).put("weight_l2", "a/bias", 3.0)
        assert only(recording, "dead").layer == "b"  # of two, the one nearer to the output

    def test_the_bias_that_stands_out_names_the_layer(self):
        # b is fed zeros and its own bias is zero: a ReLU makes it silent, too.
        recording = Recording(THREE, 20, ("l2", "max_abs", "weight_l2"))
        recording.zero("a").zero("b").zero("c/kernel").put("weight_l2", "b/bias", 0.0)
        recording.put("weight_l2", "a/bias", 0.0)
        found = only(recording.put("weight_l2", "a/bias", 1.0, kernel=2), "dead")
        assert (found.layer, found.evidence["largest_bias"]) == ("a", 1.0)
        assert found.evidence["candidates"] == "a"
        recording.put("weight_l2", "b/bias", 0.11, kernel=0)
        assert only(recording, "dead").layer == "b"  # 1 is not ten times 0.11

    def test_a_scale_is_no_bias(self):
        entries = (*dense("a", 9, 4), weight("norm/gamma", 1, 4), *dense("c", 9, 4))
        recording = Recording(Inventory(entries), 20, ("l2", "max_abs", "weight_l2"))
        recording.zero("a").zero("norm").zero("c/kernel").put("weight_l2", "a/bias", 0.0)
        recording.put("weight_l2", "norm/gamma", 1.0)
        assert only(recording, "dead").evidence["candidates"] == "a, norm"
        entries = (*dense("a", 9, 4), weight("norm/beta", 1, 4), *dense("c", 9, 4))
        recording = Recording(Inventory(entries), 20, ("l2", "max_abs", "weight_l2"))
        recording.zero("a").zero("norm").zero("c/kernel").put("weight_l2", "a/bias", 0.0)
        recording.put("weight_l2", "norm/beta", 1.0)
        assert only(recording, "dead").evidence["candidates"] == "norm"

    def test_a_layer_needs_five_steps(self):
        recording = Recording(THREE, 30).zero("b", slice(10, 14))
        assert recording.names() == []
        found = only(recording.zero("b", 14), "dead")
        assert (found.step, found.last_step) == (10, 14)

    def test_layers_that_died_a_few_steps_apart_died_together(self):
        recording = Recording(THREE, 30).zero("a", slice(3, 30)).zero("b", slice(8, 30))
        found = only(recording, "dead")
        assert (found.layer, found.step, found.evidence["layers_affected"]) == ("b", 8, 2)
        recording = Recording(THREE, 30, every=10).zero("a", slice(3, 30)).zero("b", slice(8, 30))
        assert only(recording, "dead").step == 80

    def test_layers_that_died_apart_are_apart(self):
        recording = Recording(THREE, 30).zero("a", slice(3, 30)).zero("b", slice(9, 30))
        assert [(f.layer, f.step) for f in recording.findings()] == [("a", 3), ("b", 9)]
        recording = Recording(THREE, 30).zero("a", slice(3, 30)).zero("c", slice(3, 30))
        assert [(f.layer, f.step) for f in recording.findings()] == [("c", 3), ("a", 3)]

    def killed(self, bias=1.81, steps=slice(3, 8), inventory=THREE):
        recording = Recording(inventory, 30, ("l2", "max_abs", "weight_l2"))
        recording.put("weight_l2", "b/kernel", 0.3).put("weight_l2", "b/bias", bias, kernel=2)
        recording.zero("b/kernel", steps, kernel=2)
        return recording.zero("b/bias", steps, kernel=2)

    def test_a_single_kernel_killed_by_its_bias(self):
        found = only(self.killed(), "dead")
        assert (found.code, found.path, found.kernel) == ("KA405", "b/kernel", 2)
        assert (found.step, found.last_step, found.kernels, found.share) == (3, 7, 1, 1 / 4)
        assert found.evidence["bias"] == pytest.approx(1.81)
        assert found.evidence["weight_l2"] == pytest.approx(0.3)
        assert found.message.startswith("kernel 2 is killed by its bias in 'b/kernel': from step 3")
        assert self.killed().names({"dead": {"killing_bias": 6.1}}) == []

    def test_what_is_not_killed_by_a_bias(self):
        assert self.killed(bias=1.79).names() == []  # six times 0.3 is 1.8
        assert self.killed(steps=slice(3, 7)).names() == []  # four steps
        alive = self.killed()
        assert alive.put("max_abs", "b/bias", 0.1, kernel=2).names() == []
        alive = self.killed()
        assert alive.put("max_abs", "b/kernel", 0.1, kernel=2).names() == []
        other = self.killed(bias=0.1).put("weight_l2", "b/bias", 5.0, kernel=1)
        assert other.names() == []  # another kernel's bias
        assert self.killed().put("weight_l2", "b/bias", np.nan, kernel=2).names() == []
        del (unknown := self.killed()).values["weight_l2"]
        unknown.statistics = ("l2", "max_abs")
        assert unknown.names() == []

    def test_a_kernel_that_its_bias_outweighs_for_some_steps_only(self):
        recording = self.killed(steps=slice(None))
        recording.put("weight_l2", "b/bias", 0.1, slice(0, 10), kernel=2)
        assert only(recording, "dead").step == 10

    def test_killed_kernels_are_not_counted_twice(self):
        recording = self.killed(steps=slice(None)).zero("b/kernel", kernel=0)
        killed, dead = recording.findings({"dead": {"steps": 20, "share": 0}})
        assert (killed.kernel, dead.kernel) == (2, 0)
        assert (dead.evidence["dead in kernel"], dead.evidence["dead in bias"]) == (2, 1)
        assert [f.kernel for f in recording.findings({"dead": {"steps": 20}})] == [2]

    def test_several_killed_kernels(self):
        recording = self.killed().put("weight_l2", "b/bias", 9.0, kernel=0)
        recording.zero("b/kernel", slice(2, 9), kernel=0).zero("b/bias", slice(2, 9), kernel=0)
        found = only(recording, "dead")
        assert (found.kernel, found.kernels, found.evidence["kernels"]) == (None, 2, "0, 2")
        assert (found.step, found.last_step, found.evidence["bias"]) == (2, 8, 9.0)

    def test_a_bias_along_other_axes_is_not_a_kernels_own(self):
        kernel = WeightEntry("b", "kernel", "D", (9, 4), "float32", (9, 2, 2), ("g", "u"), (1, 2))
        for own, names in ((kernel.unit, ["dead"]), (("u", "g"), [])):
            bias = WeightEntry("b", "bias", "D", (4,), "float32", (2, 2), own, (0, 1))
            assert self.killed(inventory=Inventory((kernel, bias))).names() == names
        inventory = Inventory((weight("b/kernel", 9, 4), weight("b/bias", 2, 4)))
        assert self.killed(inventory=inventory).names() == []  # a bias of two elements

    def test_rows_of_an_embedding_are_exempt_unless_all_are_zero(self):
        entries = (weight("e/embeddings", 9, 4, "Embedding"), *dense("b", 9, 4))
        recording = Recording(Inventory(entries), 60)
        for row in range(3):
            recording.zero("e/embeddings", kernel=row)
        assert recording.names({"dead": {"share": 0}}) == []
        assert only(recording.zero("e/embeddings", kernel=3), "dead").layer == "e"

    def test_a_scale_alone_is_not_a_dead_unit(self):
        entries = (*dense("a", 9, 4), *dense("norm", 1, 4))
        recording = Recording(Inventory(entries), 60).zero("norm/kernel").zero("a/bias")
        assert recording.names({"dead": {"share": 0}}) == []
        assert only(recording.zero("norm"), "dead").layer == "norm"


class TestUnchanged:
    def recording(self, inventory=THREE, steps=30):
        return Recording(inventory, steps, UPDATES)

    def test_one_kernel(self):
        recording = self.recording().put("update_l2", "b/kernel", 0.0, slice(5, 14), kernel=1)
        assert recording.names() == []
        recording.put("update_l2", "b/kernel", 0.0, 14, kernel=1)
        found = only(recording, "unchanged")
        assert (found.code, found.path, found.kernel) == ("KA406", "b/kernel", 1)
        assert (found.step, found.last_step, found.share) == (5, 14, 1 / 4)
        assert found.evidence["learning_rate"] == 0.01

    def test_a_kernel_without_a_gradient_is_not_meant(self):
        recording = self.recording().put("update_l2", "b/kernel", 0.0)
        recording.put("l2", "b/kernel", 0.0)
        assert recording.names() == []

    def test_a_bias_alone_is_not_meant(self):
        assert self.recording().put("update_l2", "b/bias", 0.0).names() == []

    def test_a_layer_of_scales_is_judged_as_a_whole(self):
        recording = self.recording(Inventory((*dense("a", 9, 4), *dense("norm", 1, 4))))
        recording.put("update_l2", "norm", 0.0).put("update_l2", "norm/bias", 1.0, kernel=2)
        assert recording.names() == []
        recording.put("update_l2", "norm/bias", 0.0, kernel=2)
        assert only(recording, "unchanged").layer == "norm"

    def test_learning_rate_zero_is_one_finding(self):
        recording = self.recording()
        recording.values["update_l2"][:] = 0
        recording.learning_rate[:] = 0
        found = only(recording, "unchanged")
        assert (found.path, found.layer, found.step) == ("optimizer", None, 0)
        assert (found.evidence["layers_affected"], found.evidence["learning_rate"]) == (3, 0.0)

    def test_a_row_of_layers_is_one_finding(self):
        inventory = network(*"abcd")
        recording = self.recording(inventory, 40).put("update_l2", "a", 0.0)
        recording.put("update_l2", "b", 0.0, slice(10, 40))
        found = only(recording, "unchanged")
        assert (found.layer, found.step, found.evidence["layers_affected"]) == ("b", 10, 2)
        recording.put("update_l2", "b", 1e-4, 10)
        assert [(f.layer, f.step) for f in recording.findings()] == [("a", 0), ("b", 11)]
        recording.put("update_l2", "b", 0.0, 10).put("update_l2", "d", 0.0)  # c lies between
        assert [(f.layer, f.step) for f in recording.findings()] == [("d", 0), ("b", 10)]

    def test_micro_steps_are_left_out(self):
        recording = self.recording(steps=40)
        micro = np.arange(40) % 4 != 3
        recording.values["update_l2"][micro] = 0
        assert recording.say("accumulated", micro).names() == []
        assert recording.say("ok", micro).names({"unchanged": {"steps": 3}}) == ["unchanged"]


class TestUpdateRatio:
    def recording(self, value, rows=slice(None), path="b/kernel"):
        recording = Recording(THREE, 40, UPDATES)
        return recording.put("update_ratio", path, value, rows)

    def test_above(self):
        assert self.recording(0.099).names() == []
        found = only(self.recording(0.101), "update-ratio")
        assert (found.code, found.path, found.step, found.last_step) == ("KA407", "b", 10, 39)
        assert found.evidence["median"] == pytest.approx(0.101)
        assert (found.kernels, found.share) == (4, 1.0)

    def test_below(self):
        assert self.recording(1.01e-8).names() == []
        found = only(self.recording(0.99e-8), "update-ratio")
        assert found.evidence["bound"] == 1e-8
        assert found.message.startswith("from step 10 on, the update of 'b' is below 1e-08")
        assert found.advice.startswith("Raise")

    def test_eight_of_ten_after_the_warm_up(self):
        assert self.recording(0.2, slice(0, 17)).names() == []
        assert self.recording(0.2, slice(0, 18)).names() == ["update-ratio"]

    def test_the_median_kernel_decides(self):
        recording = self.recording(0.001)
        for kernel in range(2):
            recording.put("update_ratio", "b/kernel", 0.2, kernel=kernel)
        assert recording.names() == []
        recording.put("update_ratio", "b/kernel", 0.0, kernel=3)  # a zero one is left out
        assert recording.findings()[0].share == 2 / 3

    def test_a_bias_is_left_out(self):
        assert self.recording(0.2, path="b/bias").names() == []

    def test_one_step_that_replaces_the_weight(self):
        assert self.recording(2.9, 0).names() == []
        found = only(self.recording(3.1, 0), "update-ratio")
        assert (found.step, found.last_step) == (0, 0)
        assert found.message.startswith("at step 0, the update of 'b' is above 3")
        assert found.advice.startswith("Lower")

    def test_kernels_that_start_from_zero_grow_by_large_factors(self):
        recording = self.recording(np.inf, 0)
        for row in range(1, 40):
            recording.put("update_ratio", "b/kernel", 5.0 / row**2, row)
        assert recording.names() == []


class TestIdenticalKernels:
    def recording(self, rows=slice(None), kernels=(0, 2), path="b/kernel", **fields):
        recording = Recording(fields.pop("inventory", THREE), 20, **fields)
        for statistic in recording.statistics:
            values = recording.values[statistic]
            where = [recording.place(path).start + kernel for kernel in kernels]
            values[rows, where[1]] = values[rows, where[0]]
        return recording

    def test_copies(self):
        found = only(self.recording(), "identical-kernels")
        assert (found.code, found.path, found.weight) == ("KA408", "b/kernel", "kernel")
        assert (found.kernels, found.share, found.kernel) == (2, 0.5, None)
        assert (found.step, found.last_step) == (0, 17)  # three stretches of six steps
        assert found.evidence["kernels"] == "0, 2"

    def test_five_steps_are_not_enough(self):
        assert self.recording(slice(6, 11)).names() == []
        assert only(self.recording(slice(6, 12)), "identical-kernels").step == 6

    def test_every_figure_counts(self):
        recording = self.recording()
        recording.values["max_abs"][:, recording.place("b/kernel").start] *= 1 + 1e-6
        assert recording.names() == []

    def test_zero_on_some_steps_is_not_meant(self):
        recording = self.recording()
        for statistic in ("l2", "max_abs"):
            for kernel in (0, 2):
                recording.put(statistic, "b/kernel", 0.0, slice(3, None, 6), kernel=kernel)
        assert recording.names() == []

    def test_zero_is_not_meant(self):
        recording = Recording(THREE, 20).zero("b/kernel", kernel=0).zero("b/kernel", kernel=2)
        assert recording.names() == []

    def test_weights_and_embeddings_that_may_be_equal(self):
        assert self.recording(path="b/bias").names() == []
        entries = (weight("e/embeddings", 9, 4, "Embedding"),)
        recording = self.recording(path="e/embeddings", inventory=Inventory(entries))
        assert recording.names() == []

    def test_equal_figures_in_different_weights_are_chance(self):
        recording = Recording(network("a", "b"), 20)
        for values in recording.values.values():
            values[:, recording.place("b/kernel")] = values[:, recording.place("a/kernel")]
        assert recording.names() == []

    def test_two_kernels_may_be_mirror_images(self):
        two = Inventory((*dense("head", 9, 2),))
        copies = {"inventory": two, "path": "head/kernel", "kernels": (0, 1)}
        assert self.recording(**copies).names() == []
        signed = ("l2", "max_abs", "mean")
        assert self.recording(statistics=signed, **copies).names() == ["identical-kernels"]


# The variance that Keras's initializers give, from their documented formulas.
INITIALIZERS = {
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
    "random_uniform": lambda fan_in, fan_out: 0.05**2 / 3,
    "random_normal": lambda fan_in, fan_out: 0.05**2,
    "bert": lambda fan_in, fan_out: 0.02**2 * 0.77,
    "orthogonal": lambda fan_in, fan_out: 1 / max(fan_in, fan_out),
}
SHAPES = [(2, 1), (3, 3, 1, 32), (1, 1, 2048, 512), (25088, 4096), (64, 250_000), (250_000, 64)]


class TestInitialVariance:
    def recording(self, variance, shape=(9, 4), first=0, norm=1.0, name="kernel"):
        entry = WeightEntry("a", name, "Dense", shape, "float32", shape, ("u",), (len(shape) - 1,))
        recording = Recording(
            Inventory((entry,)), 2, ("l2", "max_abs", "weight_std", "weight_l2"), first=first
        )
        recording.put("weight_std", "a", math.sqrt(variance))
        return recording.put("weight_l2", "a", norm)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("initializer", INITIALIZERS)
    def test_initializers_of_keras_are_healthy(self, initializer, shape):
        shape = (*shape[:-1], min(shape[-1], 4096)) if shape[-1] == 250_000 else shape
        assert self.recording(INITIALIZERS[initializer](*fans(shape)), shape).names() == []

    def test_a_wide_layer_is_healthy_below_the_absolute_bound(self):
        assert 2 / sum(fans((250_000, 64))) < 1e-5

    @pytest.mark.parametrize(
        ("variance", "names"),
        [(0.99e-5, ["initial-variance"]), (1.01e-5, []), (9.9, []), (10.1, ["initial-variance"])],
    )
    def test_bounds(self, variance, names):
        assert self.recording(variance).names() == names  # of its fans: at most 6.5e-5

    def test_bound_of_the_fans(self):
        # half the sum of the fans is 1000: 1e-6 of it is 1e-3
        assert self.recording(1.01e-6, (1990, 10)).names() == []
        assert self.recording(0.99e-6, (1990, 10)).names() == ["initial-variance"]

    def test_all_zero(self):
        found = only(self.recording(0.0, norm=0.0), "initial-variance")
        assert (found.code, found.path, found.step) == ("KA409", "a/kernel", 0)
        assert "all zero" in found.message
        assert "constant" in only(self.recording(0.0), "initial-variance").message
        assert self.recording(0.0, norm=0.0).names({"initial-variance": {"zero": False}}) == []
        assert self.recording(0.0, norm=0.0, name="lora_kernel_b").names() == []

    def test_a_resumed_training_is_not_judged(self):
        assert self.recording(0.0, norm=0.0, first=1).names() == []

    def test_all_zero_is_told_from_the_norm_alone(self):
        recording = Recording(THREE, 2, ("l2", "max_abs", "weight_l2"))
        diagnosis = recording.put("weight_l2", "b/kernel", 0.0).diagnosis()
        assert [f.path for f in diagnosis.findings] == ["b/kernel"]
        assert ("initial-variance", "weight_std") in diagnosis.unavailable


class TestNoGradient:
    def test_a_layer_that_is_absent_from_every_step(self):
        found = only(Recording(THREE, 3).absent("b"), "no-gradient")
        assert (found.code, found.path, found.step) == ("KA410", "b", None)
        assert (found.kernels, found.share, found.weight) == (8, 1.0, None)

    def test_one_weight(self):
        found = only(Recording(THREE, 3).absent("b/bias"), "no-gradient")
        assert (found.path, found.weight, found.share) == ("b/bias", "bias", 0.5)

    def test_another_optimizer_has_it(self):
        diagnosis = Diagnosis(THREE, ("l2", "max_abs"))
        diagnosis.observe(Recording(THREE, 3, optimizer="one").absent("b").absent("c").block)
        assert [f.layer for f in diagnosis.findings] == ["c", "b"]
        diagnosis.observe(Recording(THREE, 3, optimizer="two").absent("a").absent("c").block)
        assert [f.layer for f in diagnosis.findings] == ["c"]

    @pytest.mark.parametrize("status", ["disconnected", "unused"])
    def test_statuses_of_the_inventory(self, status):
        entries = (*dense("a", 9, 4), *dense("side", 9, 4, status=status))
        found = only(Recording(Inventory(entries), 3), "no-gradient")
        assert (found.layer, found.evidence["status"]) == ("side", status)

    def test_frozen_weights_are_reported_on_request(self):
        entries = (*dense("a", 9, 4), *dense("side", 9, 4, status="frozen"))
        recording = Recording(Inventory(entries), 3)
        assert recording.names() == []
        assert recording.names({"no-gradient": {"frozen": True}}) == ["no-gradient"]
