"""Several steps of every optimizer on the backend of this process; run by `test_backends.py`."""

from __future__ import annotations

import keras

import kerasaudit as ka
from kerasaudit.backprop.optimizers.rule import rules
from tests.gradients.nets import dense, regression

OPTIONS = [
    {"weight_decay": 0.2, "clipnorm": 0.1, "use_ema": True, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2, "clipvalue": 0.1},
]


def expected(net):
    """What Keras does wrong on JAX: Nadam's product stands still inside a loss scale.

    Its variable is made where attributes are not tracked, and a step on JAX keeps what is tracked.
    """
    inner = getattr(net.optimizer, "inner_optimizer", None)
    if keras.backend.backend() != "jax" or not isinstance(inner, keras.optimizers.Nadam):
        return []
    # 0.9 · (1 − 0.96 / 2) = 0.468
    return [f"u_product of {inner.name!r}: expected 0.468 after the step, received 1"]


def main():
    x, y = regression()
    checked = 0
    for name in rules():
        for options in OPTIONS:
            inner = getattr(keras.optimizers, name)(0.01, **options)
            scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=64.0)
            net = dense()
            net.compile(inner if checked % 2 else scaled, "mse")
            before = [variable.numpy().copy() for variable in net.variables]
            check = ka.check_update(net, x, y)
            assert [f.message for f in check.findings] == expected(net)
            assert all(
                (old == now.numpy()).all() for old, now in zip(before, net.variables, strict=True)
            )
            for _ in range(2):
                check = ka.check_update(net, x, y, keep=True)
                assert len(check.findings) == len(expected(net)), check.findings
            checked += 1
    wrong = type("Wrong", (keras.optimizers.SGD,), {"_clip_gradients": lambda _, grads: grads})
    net = dense()
    net.compile(wrong(0.01, clipnorm=0.01), "mse")
    check = ka.check_update(net, x, y)
    assert {finding.cause for finding in check.findings} == {"clipping (clipnorm) left out"}
    print(f"{keras.backend.backend()}: {checked} optimizers")


if __name__ == "__main__":
    main()
