"""Random functional models: layers, operations and models in models, called once or again."""

from __future__ import annotations

import keras
from hypothesis import strategies as st
from keras import layers, ops


class Grower:
    """Grows a random functional graph of feature maps of 6×6; draws decide everything."""

    def __init__(self, draw, depth=0):
        self.draw, self.depth = draw, depth
        self.inputs = [
            keras.Input((6, 6, draw(st.integers(1, 3)))) for _ in range(draw(st.integers(1, 2)))
        ]
        self.tensors = list(self.inputs)
        self.shared = []
        for _ in range(draw(st.integers(1, 7))):
            self.tensors.append(self.grow())

    def pick(self):
        return self.draw(st.sampled_from(self.tensors))

    def fitting(self, tensor):
        return [layer for layer, shape in self.shared if shape == tensor.shape]

    def grow(self):
        x = self.pick()
        kinds = ["new", "new", "again", "add", "concatenate", "operation", "model", "sequential"]
        kind = self.draw(st.sampled_from(kinds))
        if kind == "again" and self.fitting(x):
            return self.draw(st.sampled_from(self.fitting(x)))(x)
        if kind == "add":
            others = [tensor for tensor in self.tensors if tensor.shape == x.shape]
            return layers.Add()([x, self.draw(st.sampled_from(others))])
        if kind == "concatenate":
            return layers.Concatenate()([x, self.pick()])
        if kind == "operation":
            return ops.relu(x * 0.5 + 1)
        if kind == "model" and self.depth < 2:
            inner = Grower(self.draw, self.depth + 1).model()
            if len(inner.inputs) == 1 and inner.input_shape == x.shape:
                self.shared.append((inner, x.shape))
                return inner(x)
            return self.adapt(inner)
        layer = self.new_layer()
        if kind == "sequential":
            layer = keras.Sequential([layer, self.new_layer()], trainable=self.draw(st.booleans()))
        self.shared.append((layer, x.shape))
        return layer(x)

    def adapt(self, inner):
        """Call a model on convolutions that give it the channels that it wants."""
        given = [layers.Conv2D(one.shape[-1], 1)(self.pick()) for one in inner.inputs]
        output = inner(given if len(given) > 1 else given[0])
        return output[0] if isinstance(output, list) else output

    def new_layer(self):
        trainable = self.draw(st.booleans())
        kind = self.draw(st.sampled_from([layers.Dense, layers.Conv2D, layers.BatchNormalization]))
        if kind is layers.Dense:
            return layers.Dense(self.draw(st.integers(1, 3)), trainable=trainable)
        if kind is layers.Conv2D:
            return layers.Conv2D(2, 3, padding="same", trainable=trainable)
        return layers.BatchNormalization(trainable=trainable)

    def model(self):
        # Tensors that are no output and lead to none are unused branches.
        outputs = self.draw(st.lists(st.sampled_from(self.tensors), min_size=1, max_size=2))
        if self.depth:
            outputs = outputs[:1]
        outputs = outputs[0] if len(outputs) == 1 else outputs
        model = keras.Model(self.inputs, outputs, trainable=self.draw(st.booleans()))
        if self.draw(st.integers(0, 4)) == 0:
            model.trainable = False
        return model
