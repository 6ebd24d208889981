"""Reading a gradient changes nothing of the graph it is read from, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kerasaudit.gradients.backends.apart import apart

C = 7


def chains():
    """Ways in which a gradient may end, as functions of two vectors and a matrix."""
    return {
        "a product": lambda a, b, m: a * b,
        "a product of products": lambda a, b, m: (a * b) * (b * 3.1),
        "a product with a broadcast": lambda a, b, m: (m * b)[0] * a,
        "a sum": lambda a, b, m: a + b,
        "a sum of three": lambda a, b, m: tf.add_n([a, b, a * b]),
        "a reshaped product": lambda a, b, m: tf.reshape(tf.identity(a * b), (C,)),
        "no link at all": lambda a, b, m: tf.reduce_sum(m, 0),
    }


@pytest.mark.parametrize("name", chains())
def test_what_is_read_is_equal_and_what_is_used_is_the_same_as_if_nobody_read(name):
    chain = chains()[name]
    rate, target = tf.Variable(0.1), tf.Variable(tf.zeros(C))

    def made(read):
        @tf.function
        def step(a, b, m):
            gradient = chain(a, b, m)
            seen = tf.zeros(C)
            if read is not None:
                seen = tf.abs(read(gradient))
            target.assign(gradient * rate)
            target.assign_add(gradient + rate)
            return seen

        return step

    rng = np.random.default_rng(5)
    plain, recorded = made(None), made(apart)
    for _ in range(30):
        arguments = [
            tf.constant(rng.normal(size=shape).astype("float32")) for shape in (C, C, (5, C))
        ]
        plain(*arguments)
        wanted = target.numpy()
        seen = recorded(*arguments)
        np.testing.assert_array_equal(target.numpy(), wanted)
        # The copy is itself a chain, which may be rearranged: equal but for rounding.
        np.testing.assert_allclose(seen, np.abs(chain(*arguments)), rtol=1e-6)


def test_without_it_the_optimizer_would_work_otherwise():
    # What the module is there for: if this no longer holds, it can go.
    rate, target = tf.Variable(0.1), tf.Variable(tf.zeros(C))

    def made(read):
        @tf.function
        def step(a, b):
            gradient = a * b
            target.assign(gradient * rate)
            return tf.abs(gradient) if read else a

        return step

    rng = np.random.default_rng(5)
    plain, recorded, differ = made(False), made(True), 0
    for _ in range(30):
        a, b = (tf.constant(rng.normal(size=C).astype("float32")) for _ in range(2))
        plain(a, b)
        wanted = target.numpy()
        recorded(a, b)
        differ += int((target.numpy() != wanted).any())
    assert differ > 0


def test_an_eager_tensor_is_itself():
    tensor = tf.constant([1.0])
    assert apart(tensor) is tensor
