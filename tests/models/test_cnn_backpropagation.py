"""The model on page 2 of the notes: 10 + 10 + 5 parameters at 8×8×1, and its backpropagation."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit import Claim
from models.cnn_backpropagation import BACKWARD, EXAMPLE, FORWARD, cnn_backpropagation


def test_its_parameters():
    audit = ka.audit(cnn_backpropagation)
    held = {row.path: row.derived for row in audit.layers if row.derived}
    assert held == {
        "conv2d": 3 * 3 * 1 * 1 + 1,
        "conv2d_1": 3 * 3 * 1 * 1 + 1,
        "dense": 2 * 2 * 1 * 1 + 1,
    }
    assert audit.totals.derived == audit.totals.observed == audit.totals.reported == 10 + 10 + 5


def test_its_layers_are_those_of_the_notes_in_order():
    layers = cnn_backpropagation().layers
    names = [type(layer).__name__ for layer in layers]
    assert names == ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense"]
    assert all(layers[i].padding == "same" for i in (0, 2))
    assert layers[-1].activation.__name__ == "sigmoid"


# -- the notes' formulas, worked in plain Python ------------------------------------------------

K1 = [[0.5, -0.3, 0.2], [0.1, 0.4, -0.6], [-0.2, 0.3, 0.7]]
K2 = [[-0.4, 0.2, 0.6], [0.3, 0.5, -0.1], [0.1, -0.7, 0.8]]
X = [[((i * i + 2 * j + 2 * i * j) % 10) / 10 for j in range(1, 9)] for i in range(1, 9)]
W = [0.6, -0.4, 0.3, 0.5]
ALPHA = 0.1


def convolved(x, kernel, bias):
    size = len(x)

    def at(i, j):
        return x[i][j] if 0 <= i < size and 0 <= j < size else 0.0

    return [
        [
            bias + sum(kernel[u][v] * at(i + u - 1, j + v - 1) for u in range(3) for v in range(3))
            for j in range(size)
        ]
        for i in range(size)
    ]


def window(y, i, j):
    return [y[2 * i][2 * j], y[2 * i][2 * j + 1], y[2 * i + 1][2 * j], y[2 * i + 1][2 * j + 1]]


def pooled(y):
    half = range(len(y) // 2)
    return [[max(window(y, i, j)) for j in half] for i in half]


def forward(k1=K1, k2=K2, w=W):
    """y¹, y², o, ŷ and L of the example."""
    y1 = convolved(X, k1, 0.1)
    y2 = convolved(pooled(y1), k2, -0.2)
    (p11, p12), (p21, p22) = pooled(y2)
    o = w[0] * p11 + w[1] * p12 + w[2] * p21 + w[3] * p22 + 0.1
    predicted = 1 / (1 + math.exp(-o))
    return y1, y2, o, predicted, -math.log(predicted)


def by_difference(change):
    """∂L/∂element as a central difference; `change` gives the weights with the element moved."""
    step = 1e-6
    above, below = (forward(**change(sign * step))[-1] for sign in (1, -1))
    return (above - below) / (2 * step)


def moved(kernel, by):
    return [[kernel[0][0] + by, *kernel[0][1:]], *kernel[1:]]


DERIVATIVES = {
    "conv2d/kernel[0,0,0,0]": by_difference(lambda by: {"k1": moved(K1, by)}),
    "conv2d_1/kernel[0,0,0,0]": by_difference(lambda by: {"k2": moved(K2, by)}),
    "dense/kernel[0,0]": by_difference(lambda by: {"w": [W[0] + by, *W[1:]]}),
}


@pytest.fixture(scope="module")
def claims():
    audit = ka.audit(cnn_backpropagation)
    audit.raise_if_failed()
    return {(claim.subject, claim.quantity): claim for claim in audit.claims}


def figures(text):
    return [float(part) for part in text.strip("()").replace("−", "-").split(",")]


def sides(claim):
    """What is claimed, derived and observed, with half a unit of the claim's last digit."""
    half = 0.5 / 10 ** len(claim.claimed.partition(".")[2].partition(",")[0])
    return [figures(text) for text in (claim.claimed, claim.derived, claim.observed)], half


@pytest.mark.parametrize("element", DERIVATIVES)
def test_a_claimed_gradient_is_the_difference_quotient(claims, element):
    found, half = sides(claims[element, "gradient"])
    for (value,) in found:
        assert value == pytest.approx(DERIVATIVES[element], abs=half + 1e-8)


def test_the_claimed_update_takes_a_step_down_the_gradient(claims):
    element = "conv2d/kernel[0,0,0,0]"
    found, half = sides(claims[element, "update"])
    for (value,) in found:
        assert value == pytest.approx(K1[0][0] - ALPHA * DERIVATIVES[element], abs=half + 1e-8)


def test_the_claimed_maximum_is_that_of_its_window_and_routes_to_its_winner(claims):
    y1, y2, *_ = forward()
    first, _ = sides(claims["max_pooling2d[0,0,0]", "window"])
    for values in first:
        assert values == pytest.approx(window(y1, 0, 0))
    for (value,) in sides(claims["max_pooling2d[0,0,0]", "output"])[0]:
        assert value == pytest.approx(max(window(y1, 0, 0)))
    for y, pool in ((y1, "max_pooling2d"), (y2, "max_pooling2d_1")):
        under = window(y, 0, 0)
        for values in sides(claims[f"{pool}[0,0,0]", "routing"])[0]:
            assert values == [float(one == max(under)) for one in under]


def test_the_claimed_net_input_and_output_are_o_and_its_sigmoid(claims):
    _, _, o, predicted, _ = forward()
    for expected, quantity in ((o, "net_input"), (predicted, "output")):
        found, half = sides(claims["dense[0]", quantity])
        for (value,) in found:
            assert value == pytest.approx(expected, abs=half + 1e-8)


def test_the_working_of_the_first_kernel_sums_every_path(claims):
    """∂p²/∂K¹_11 of each p², from the winners that the plain loops find."""
    y1, y2, *_ = forward()
    padded = [[0.0] * 10, *([0.0, *row, 0.0] for row in X), [0.0] * 10]

    def winner(y, i, j):
        at = max(range(4), key=window(y, i, j).__getitem__)
        return 2 * i + at // 2, 2 * j + at % 2

    def by_k1(i, j):
        a, b = winner(y2, i, j)  # the y² that won, then every p¹ under its kernel
        total = 0.0
        for u in range(3):
            for v in range(3):
                m, n = a + u - 1, b + v - 1
                if 0 <= m < 4 and 0 <= n < 4:
                    c, d = winner(y1, m, n)  # the y¹ that won: K¹_11 meets x one up and left
                    total += K2[u][v] * padded[c][d]
        return total

    steps = claims["conv2d/kernel[0,0,0,0]", "gradient"].steps
    shares = [by_k1(i, j) for i in range(2) for j in range(2)]
    assert [float(step.text.rpartition("=")[2]) for step in steps[:4]] == pytest.approx(shares)
    (predicted,) = forward()[3:4]
    share = sum(w * one for w, one in zip(W, shares, strict=True))
    product = -1 / predicted * predicted * (1 - predicted) * share
    assert product == pytest.approx(DERIVATIVES["conv2d/kernel[0,0,0,0]"], abs=1e-8)


def test_the_tape_has_the_claimed_gradients(claims):
    model = cnn_backpropagation()
    for path, value in EXAMPLE.weights.items():
        layer, _, name = path.partition("/")
        getattr(model.get_layer(layer), name).assign(value)
    x, y = np.array(EXAMPLE.x), np.array(EXAMPLE.y, dtype=float)
    elements = ka.gradients(model, x, y, loss=EXAMPLE.loss).elements
    for subject in DERIVATIVES:
        path = subject.partition("[")[0]
        layer, _, weight = path.partition("/")
        held = elements[(elements["layer"] == layer) & (elements["weight"] == weight)]
        found, half = sides(claims[subject, "gradient"])
        for (value,) in found:
            assert value == pytest.approx(float(held["gradient"].iloc[0]), abs=half + 1e-6)


def digits_changed(claim):
    """The claim with each digit of each step changed, one at a time."""
    for place, step in enumerate(claim.working):
        for match in re.finditer(r"\d", step):
            other = str((int(match[0]) + 1) % 10)
            text = step[: match.start()] + other + step[match.end() :]
            working = (*claim.working[:place], text, *claim.working[place + 1 :])
            yield Claim(claim.subject, *working, quantity=claim.quantity)


@pytest.mark.parametrize(
    "claim", [*FORWARD, *BACKWARD], ids=lambda claim: f"{claim.quantity} of {claim.subject}"
)
def test_any_other_digit_is_found(claim):
    mutants = list(digits_changed(claim))
    audit = ka.audit(cnn_backpropagation, claims=mutants)
    assert mutants
    assert [row.steps for row in audit.claims if row.status != "wrong"] == []
    assert {finding.code for finding in audit.findings} <= {"KA201", "KA202"}
