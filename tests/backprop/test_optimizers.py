"""The derived updates beside live Keras: each optimizer, its options, several steps, two dtypes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.backprop.optimizers import Optimizer, State, initial_state
from kerasaudit.backprop.optimizers.fitting import at
from kerasaudit.backprop.optimizers.round_off import EPSILONS, tolerances
from kerasaudit.backprop.optimizers.schedules import learning_rate
from tests.derivation.live import examples

SHAPES = {"a": (4, 3), "b": (3,), "c": ()}

OPTIONS = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [{}, {"centered": True}, {"momentum": 0.5, "centered": True, "epsilon": 1e-3}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-2}],
    "Adam": [{}, {"amsgrad": True}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}],
    "AdamW": [{}, {"weight_decay": 0.1, "amsgrad": True}],
    "Nadam": [{}, {"beta_1": 0.5, "epsilon": 1e-2}],
    "Lion": [{}, {"beta_1": 0.5, "beta_2": 0.7}],
}
AROUND = [
    {"weight_decay": 0.2},
    {"clipvalue": 0.3},
    {"clipnorm": 0.5},
    {"global_clipnorm": 0.5},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "clipnorm": 0.5, "weight_decay": 0.1},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2},
    {"loss_scale_factor": 128.0},
]


def worst(keras, name, options, dtype, steps=5, seed=0, rate=0.01):
    """The largest difference in units of its tolerance over steps from Keras's own state."""
    rng = np.random.default_rng(seed)
    variables = {
        path: keras.Variable(rng.normal(size=shape), dtype=dtype, name=path)
        for path, shape in SHAPES.items()
    }
    real = getattr(keras.optimizers, name)(rate, **options)
    real.build(list(variables.values()))
    derived = Optimizer(name, real.get_config())
    # Keras's own first state: of an accumulator's initial value it holds what float32 can.
    state = of(real, initial_state(derived, values(variables)), variables)
    out_by = 0.0
    for _ in range(steps):
        given_ = {
            path: (rng.normal(size=shape) * 10.0 ** rng.integers(-3, 2)).astype(dtype)
            for path, shape in SHAPES.items()
        }
        real.apply([keras.ops.convert_to_tensor(g) for g in given_.values()])
        gradients = {path: g.astype("float64") for path, g in given_.items()}
        allowed = tolerances(derived, state, gradients, dict.fromkeys(SHAPES, dtype))
        state, made = of(real, state, variables), derived.step(state, gradients)
        for slot in (None, *made.slots):
            for path in SHAPES:
                target = (slot, path)
                difference = np.abs(at(state, target) - at(made, target))
                units = difference[difference > 0] / at(allowed, target)[difference > 0]
                out_by = max(out_by, float(units.max(initial=0.0)))
    return out_by


def values(variables):
    return {path: variable.numpy().astype("float64") for path, variable in variables.items()}


def of(real, state, variables):
    """The state as Keras has it: what it has rounded is not the derivation's to answer for."""
    slots = {}
    for name in state.slots:
        held = getattr(real, name if hasattr(real, name) else f"_{name}")
        slots[name] = values(dict(zip(variables, held, strict=True)))
    shared = {name: float(getattr(real, f"_{name}").numpy()) for name in state.shared}
    return State(values(variables), slots, shared, int(real._iterations.numpy()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name, all_ in OPTIONS.items() for options in all_]
)
def test_each_optimizer_is_derived_within_round_off(keras, name, options, dtype):
    assert worst(keras, name, options, dtype) < 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("around", AROUND, ids="-".join)
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_so_is_what_stands_around_the_update(keras, name, around, dtype):
    assert worst(keras, name, around, dtype, steps=6) < 1


def between(low, high):
    return st.floats(low, high, allow_nan=False).map(lambda value: float(f"{value:.6g}"))


BETA = between(0.05, 0.999)
EPSILON = st.sampled_from([1e-8, 1e-7, 1e-3, 0.1])
OWN = {
    "SGD": st.fixed_dictionaries({"momentum": between(0, 1), "nesterov": st.booleans()}),
    "RMSprop": st.fixed_dictionaries(
        {"rho": BETA, "momentum": between(0, 1), "epsilon": EPSILON, "centered": st.booleans()}
    ),
    "Adagrad": st.fixed_dictionaries(
        {"initial_accumulator_value": between(0, 2), "epsilon": EPSILON}
    ),
    "Adam": st.fixed_dictionaries(
        {"beta_1": BETA, "beta_2": BETA, "epsilon": EPSILON, "amsgrad": st.booleans()}
    ),
    "AdamW": st.fixed_dictionaries({"beta_1": BETA, "beta_2": BETA, "epsilon": EPSILON}),
    "Nadam": st.fixed_dictionaries({"beta_1": BETA, "beta_2": BETA, "epsilon": EPSILON}),
    "Lion": st.fixed_dictionaries({"beta_1": BETA, "beta_2": BETA}),
}
CLIPPED = st.one_of(
    st.just({}),
    st.builds(
        lambda kind, limit: {kind: limit},
        st.sampled_from(["clipnorm", "clipvalue", "global_clipnorm"]),
        between(0.01, 10),
    ),
)
AVERAGED = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "use_ema": st.just(True),
            "ema_momentum": between(0, 1),
            "ema_overwrite_frequency": st.sampled_from([None, 1, 2, 3]),
        }
    ),
)
COMMON = st.fixed_dictionaries(
    {}, optional={"weight_decay": between(0, 1), "gradient_accumulation_steps": st.integers(2, 3)}
)


@st.composite
def optimizers(draw):
    name = draw(st.sampled_from(sorted(OWN)))
    options = {**draw(COMMON), **draw(CLIPPED), **draw(AVERAGED), **draw(OWN[name])}
    return name, options, 10.0 ** draw(st.integers(-4, 0))


@settings(examples(100), deadline=None)
@given(optimizers(), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1))
def test_any_optimizer_is_derived_within_round_off(made, dtype, seed):
    import keras

    name, options, rate = made
    assert worst(keras, name, options, dtype, steps=4, seed=seed, rate=rate) < 1


@pytest.mark.parametrize("name", OPTIONS)
def test_ten_steps_alone_stay_beside_keras(keras, name):
    # Nothing is read back: weights and state are carried on in float64.
    rng = np.random.default_rng(3)
    variables = {
        path: keras.Variable(rng.normal(size=shape), dtype="float32", name=path)
        for path, shape in SHAPES.items()
    }
    real = getattr(keras.optimizers, name)(0.01)
    real.build(list(variables.values()))
    derived = Optimizer(name, real.get_config())
    state = initial_state(derived, values(variables))
    for _ in range(10):
        gradients = {path: rng.normal(size=shape) for path, shape in SHAPES.items()}
        real.apply([keras.ops.convert_to_tensor(g.astype("float32")) for g in gradients.values()])
        state = derived.step(state, gradients)
    for path, value in values(variables).items():
        np.testing.assert_allclose(value, state.weights[path], rtol=1e-5, atol=1e-5)
    assert state.calls == 10


def test_tolerances_are_a_few_last_bits_and_wide_only_where_the_figure_is_ill_defined():
    lion = Optimizer("Lion", {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.5})
    state = initial_state(lion, {"w": [1.0, 1.0]})
    # β₁·m + (1 − β₁)·g is 0.5 · (1 − 1), or within a bit of it, and 0.5 · (1 + 1)
    state = replace(state, slots={"momentums": {"w": np.array([1.0, 1.0])}})
    gradients = {"w": np.array([-1.0 - 2.0**-25, 1.0])}
    allowed = tolerances(lion, state, gradients, {"w": "float32"}).weights["w"]
    assert allowed[0] >= 0.2  # the sign hangs in the balance: it may be either
    assert allowed[1] < 32 * EPSILONS["float32"]


SCHEDULES = [
    ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.5}),
    ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("PolynomialDecay", {"decay_steps": 7, "power": 2.0, "end_learning_rate": 0.01}),
    ("PolynomialDecay", {"decay_steps": 7, "end_learning_rate": 0.01, "cycle": True}),
    ("InverseTimeDecay", {"decay_steps": 7, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("CosineDecay", {"decay_steps": 17, "alpha": 0.1}),
    ("CosineDecay", {"decay_steps": 9, "warmup_target": 0.5, "warmup_steps": 6}),
    ("CosineDecayRestarts", {"first_decay_steps": 5, "t_mul": 2.0, "m_mul": 0.5}),
    ("CosineDecayRestarts", {"first_decay_steps": 5, "t_mul": 1.0, "alpha": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules_are_those_of_keras_at_every_step(keras, name, options):
    real = getattr(keras.optimizers.schedules, name)(0.2, **options)
    config = keras.optimizers.schedules.serialize(real)
    derived = [learning_rate(config, step) for step in range(24)]
    seen = [float(real(step)) for step in range(24)]
    np.testing.assert_allclose(seen, derived, rtol=1e-5, atol=1e-7)


def test_a_boundary_still_belongs_to_the_value_before_it(keras):
    real = keras.optimizers.schedules.PiecewiseConstantDecay([3, 5], [0.3, 0.2, 0.1])
    config = keras.optimizers.schedules.serialize(real)
    expected = [0.3, 0.3, 0.3, 0.3, 0.2, 0.2, 0.1]
    assert [learning_rate(config, step) for step in range(7)] == expected
    assert [float(real(step)) for step in range(7)] == pytest.approx(expected)
