"""The derived updates against arithmetic written out by hand, on one weight of one element."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kerasaudit.backprop.optimizers import Optimizer, State, initial_state
from kerasaudit.backprop.optimizers.clipping import clipped
from kerasaudit.backprop.optimizers.constraints import constrained
from kerasaudit.backprop.optimizers.rule import optimizer, rules
from kerasaudit.backprop.optimizers.schedules import learning_rate
from kerasaudit.errors import RuleError, UnsupportedError

ADAM = {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 0.5, "amsgrad": False}
RMSPROP = {"rho": 0.75, "momentum": 0.0, "epsilon": 0.25, "centered": False}


def steps(name, config, *gradients, weight=2.0, **settings):
    """The weight after each step with these gradients."""
    made = Optimizer(name, {"learning_rate": 0.1, **config}, **settings)
    state = initial_state(made, {"w": [weight]})
    weights = []
    for gradient in gradients:
        state = made.step(state, {"w": np.array([float(gradient)])})
        weights.append(float(state.weights["w"][0]))
    return weights


# 0.1 · 4 = 0.4 is α·g of the first step, 0.1 · −2 = −0.2 that of the second.
PLAIN = [2 - 0.4, 2 - 0.4 + 0.2]
# m = −0.4, then 0.5 · −0.4 + 0.2 = 0
MOMENTUM = [2 - 0.4, 2 - 0.4 + 0]
# w + μ·m − α·g: 2 + 0.5 · −0.4 − 0.4 = 1.4, then 1.4 + 0.5 · 0 + 0.2
NESTEROV = [1.4, 1.6]
# v = 0.25 · 16 = 4, then 0.75 · 4 + 0.25 · 4 = 4: both times √(4 + 0.25)
RMS = [2 - 0.4 / math.sqrt(4.25), 2 - 0.4 / math.sqrt(4.25) + 0.2 / math.sqrt(4.25)]
# ḡ = 0.25 · 4 = 1, then 0.75 · 1 − 0.25 · 2 = 0.25
CENTERED = [
    2 - 0.4 / math.sqrt(4 - 1 + 0.25),
    2 - 0.4 / math.sqrt(3.25) + 0.2 / math.sqrt(4 - 0.0625 + 0.25),
]
# m = 0.4 / √4.25, then 0.5 · m − 0.2 / √4.25 = 0: the weight stays
RMS_MOMENTUM = [2 - 0.4 / math.sqrt(4.25)] * 2
# a = 1 + 16 = 17, then 17 + 4 = 21; ε = 0.25
ADAGRAD = [2 - 0.4 / math.sqrt(17.25), 2 - 0.4 / math.sqrt(17.25) + 0.2 / math.sqrt(21.25)]
# m = 0.1 · 4 = 0.4, v = 0.01 · 16 = 0.16; m = 0.36 − 0.2 = 0.16, v = 0.1584 + 0.04 = 0.1984
FIRST = 0.1 * math.sqrt(0.01) / 0.1 * 0.4 / (0.4 + 0.5)
SECOND = 0.1 * math.sqrt(1 - 0.99**2) / (1 - 0.9**2) * 0.16 / (math.sqrt(0.1984) + 0.5)
ADAM_STEPS = [2 - FIRST, 2 - FIRST - SECOND]
# With g = 4 and then 0, v falls to 0.99 · 0.16, and amsgrad keeps its 0.16: √0.16 = 0.4.
KEPT = 0.1 * math.sqrt(1 - 0.99**2) / (1 - 0.9**2) * 0.36 / (0.4 + 0.5)
# u₁ = 0.9 · (1 − 0.48), u₂ = 0.9 · (1 − 0.4608); v̂ = 16, so √v̂ = 4
U1, U2 = 0.9 * (1 - 0.96 / 2), 0.9 * (1 - 0.96**2 / 2)
NADAM = 2 - 0.1 * (U2 * 0.4 / (1 - U1 * U2) + (1 - U1) * 4 / (1 - U1)) / (4 + 0.5)
# sign(0.1 · 4) = 1; m = 0.5 · 4 = 2, and sign(0.9 · 2 − 0.1 · 2) = 1 though the gradient is −2
# then m = 0.5 · 2 + 0.5 · −2 = 0, and sign(0.1 · −0.5) = −1
LION = [1.9, 1.8, 1.9]


@pytest.mark.parametrize(
    ("name", "config", "gradients", "expected"),
    [
        ("SGD", {"momentum": 0.0, "nesterov": False}, (4, -2), PLAIN),
        ("SGD", {"momentum": 0.5, "nesterov": False}, (4, -2), MOMENTUM),
        ("SGD", {"momentum": 0.5, "nesterov": True}, (4, -2), NESTEROV),
        ("RMSprop", RMSPROP, (4, -2), RMS),
        ("RMSprop", {**RMSPROP, "centered": True}, (4, -2), CENTERED),
        ("RMSprop", {**RMSPROP, "momentum": 0.5}, (4, -2), RMS_MOMENTUM),
        ("Adagrad", {"initial_accumulator_value": 1.0, "epsilon": 0.25}, (4, -2), ADAGRAD),
        ("Adam", ADAM, (4, -2), ADAM_STEPS),
        ("Adam", {**ADAM, "amsgrad": True}, (4, 0), [2 - FIRST, 2 - FIRST - KEPT]),
        ("Nadam", ADAM, (4,), [NADAM]),
        ("Lion", {"beta_1": 0.9, "beta_2": 0.5}, (4, -2, -0.5), LION),
    ],
)
def test_one_weight_is_updated_as_written_out(name, config, gradients, expected):
    assert steps(name, config, *gradients) == pytest.approx(expected, rel=1e-14)


PLAIN_SGD = {"momentum": 0.0, "nesterov": False}


@pytest.mark.parametrize(
    ("config", "gradients", "expected"),
    [
        # 2 · (1 − 0.1 · 0.5) − 0.1 · 4: the decay is that of the weight before the update
        ({"weight_decay": 0.5}, (4,), [2 * 0.95 - 0.4]),
        ({"clipvalue": 1.0}, (4, -0.5), [1.9, 1.95]),
        ({"clipnorm": 3.0}, (4, -2), [1.7, 1.9]),
        ({"global_clipnorm": 3.0}, (4, -2), [1.7, 1.9]),
        ({"loss_scale_factor": 8.0}, (32, -16), [1.6, 1.8]),
        # nothing, then (4 − 2) / 2 = 1
        ({"gradient_accumulation_steps": 2}, (4, -2), [2.0, 1.9]),
        # two means of two, the second without what was kept for the first
        ({"gradient_accumulation_steps": 2}, (4, -2, 1, 1), [2.0, 1.9, 1.9, 1.8]),
        # Clipped is the mean, not what it is made of: (4 − 2) / 2 = 1 is within 1.
        ({"gradient_accumulation_steps": 2, "clipvalue": 1.0}, (4, -2), [2.0, 1.9]),
    ],
)
def test_what_stands_around_the_update(config, gradients, expected):
    assert steps("SGD", {**PLAIN_SGD, **config}, *gradients) == pytest.approx(expected, rel=1e-14)


def test_the_average_of_weights_starts_from_the_first_ones_and_is_put_in_their_place():
    config = {
        **PLAIN_SGD,
        "use_ema": True,
        "ema_momentum": 0.75,
        "ema_overwrite_frequency": 2,
    }
    # 1.6 is its own average; then 0.75 · 1.6 + 0.25 · 1.8 = 1.65 stands for 1.8
    assert steps("SGD", config, 4, -2, 1) == pytest.approx([1.6, 1.65, 1.55], rel=1e-14)


def test_a_weight_may_be_excluded_from_decay_or_constrained():
    decayed = {**PLAIN_SGD, "weight_decay": 0.5}
    assert steps("SGD", decayed, 4, undecayed=frozenset({"w"})) == pytest.approx([1.6])
    never_negative = {"w": {"class_name": "NonNeg", "config": {}}}
    assert steps("SGD", PLAIN_SGD, 25, constraints=never_negative) == [0.0]


def test_a_weight_without_a_gradient_stays_and_is_not_decayed():
    made = Optimizer("SGD", {"learning_rate": 0.1, **PLAIN_SGD, "weight_decay": 0.5})
    before = initial_state(made, {"w": [2.0], "v": [3.0]})
    after = made.step(before, {"w": np.array([4.0]), "v": None})
    assert (after.weights["w"].item(), after.weights["v"].item()) == (1.5, 3.0)


def test_the_common_norm_is_that_of_all_gradients():
    gradients = {"a": np.array([3.0]), "b": np.array([0.0, 4.0])}
    made = clipped(gradients, {"global_clipnorm": 1.0})
    assert [*made["a"], *made["b"]] == pytest.approx([3 / 5, 0.0, 4 / 5])
    alone = clipped(gradients, {"clipnorm": 1.0})
    assert (alone["a"].tolist(), alone["b"].tolist()) == ([1.0], [0.0, 1.0])


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_loss_scale_is_taken_off_grows_and_is_halved_when_it_overflows(bad):
    inner = {"class_name": "SGD", "config": {"learning_rate": 0.1, **PLAIN_SGD}}
    config = {"inner_optimizer": inner, "initial_scale": 8.0, "dynamic_growth_steps": 2}
    made = Optimizer("LossScaleOptimizer", config)
    state = initial_state(made, {"w": [2.0]})
    seen = []
    for gradient in (32.0, 32.0, 16.0, bad, 8.0):
        state = made.step(state, {"w": np.array([gradient])})
        seen.append((round(state.weights["w"].item(), 9), state.shared["dynamic_scale"]))
    # 32 / 8 twice, and the scale doubles; 16 / 16; nothing, and it is halved; 8 / 8
    assert seen == [(1.6, 8.0), (1.2, 16.0), (1.1, 16.0), (1.1, 8.0), (1.0, 8.0)]
    assert state.calls == 4


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        # The columns (3, 4) and (0.6, 0.8) have the norms 5 and 1.
        (("MaxNorm", {"max_value": 2.0, "axis": 0}), [[1.2, 0.6], [1.6, 0.8]]),
        (("UnitNorm", {"axis": [0]}), [[0.6, 0.6], [0.8, 0.8]]),
        (
            ("MinMaxNorm", {"min_value": 2.0, "max_value": 3.0, "rate": 0.5, "axis": 0}),
            [[2.4, 0.9], [3.2, 1.2]],  # half way from 5 to 3, and from 1 to 2
        ),
    ],
)
def test_constraints_are_of_norms_along_an_axis(constraint, expected):
    name, config = constraint
    weight = np.array([[3.0, 0.6], [4.0, 0.8]])
    made = constrained(weight, {"class_name": name, "config": config})
    np.testing.assert_allclose(made, expected, rtol=2e-7)  # Keras adds 1e-7 to each norm


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: steps("Adadelta", {}, 1), "optimizer 'Adadelta': no rule derives its update"),
        (
            lambda: learning_rate({"class_name": "Mine", "config": {}}, 0),
            "learning rate: expected a number or one of .*, received Mine",
        ),
        (lambda: learning_rate(None, 0), "received NoneType"),
        (
            lambda: constrained(np.ones(2), {"class_name": "Mine", "config": {}}),
            "constraint: expected one of .*, received 'Mine'",
        ),
    ],
)
def test_what_there_is_no_formula_for_is_named(made, message):
    with pytest.raises(UnsupportedError, match=message):
        made()


def test_an_optimizer_has_one_rule():
    with pytest.raises(RuleError, match="'SGD' has a rule already"):
        optimizer("SGD", formula="", slots=lambda _: {})(lambda _config, _moment: None)
    assert {"SGD", "RMSprop", "Adagrad", "Adam", "AdamW", "Nadam", "Lion"} <= set(rules())


def test_a_state_is_left_as_it_was():
    made = Optimizer("Adam", {"learning_rate": 0.1, **ADAM})
    before = initial_state(made, {"w": [2.0]})
    made.step(before, {"w": np.array([4.0])})
    assert (before.weights["w"].item(), before.slots["momentums"]["w"].item()) == (2.0, 0.0)
    assert isinstance(before, State)
