"""Networks drawn at random, family by family: a model, its input, and what is to be fitted."""

from __future__ import annotations

import numpy as np

# Activations that TensorFlow computes in float64 to the last digits: of gelu it rounds √2 to
# float32, so that one has a test of its own.
SMOOTH = ("tanh", "sigmoid", "softplus", "silu", "softmax", "linear", "mish", "softsign", "selu")
EVERY = (
    *SMOOTH,
    *("relu", "relu6", "leaky_relu", "elu", "celu", "hard_sigmoid", "hard_silu", "hard_tanh"),
    *("soft_shrink", "hard_shrink", "tanh_shrink", "squareplus", "exponential", "log_sigmoid"),
    *("sparse_plus", "sparse_sigmoid", "log_softmax", "sparsemax"),
)
LOSSES = ("mse", "mae", "huber")
BATCH = 3


class Draw:
    """A random generator with what the families draw."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one(self, *values):
        return values[self.rng.integers(len(values))]

    def some(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def maybe(self):
        return bool(self.rng.integers(2))

    def extents(self, rank, low, high):
        return tuple(self.some(low, high) for _ in range(rank))

    def regularizer(self):
        import keras

        # Powers of two: Keras holds factors in float32.
        kinds = (keras.regularizers.L2(2**-6), keras.regularizers.L1(2**-7))
        return self.one(None, None, *kinds, keras.regularizers.L1L2(2**-7, 2**-6))


def of(layers, shape, draw):
    """A Sequential model of the layers with a dense layer behind, and a batch for it."""
    import keras

    made = [keras.Input(shape), *layers, keras.layers.Flatten(), keras.layers.Dense(2)]
    return keras.Sequential(made), draw.rng.normal(size=(BATCH, *shape))


def convolution(draw):
    from keras import layers

    rank = draw.one(1, 1, 2, 2, 2, 3)
    groups, channels = draw.some(1, 2), draw.some(1, 2)
    strided = draw.maybe()
    kind = (layers.Conv1D, layers.Conv2D, layers.Conv3D)[rank - 1]
    paddings = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    layer = kind(
        groups * draw.some(1, 2),
        draw.extents(rank, 1, 3),
        strides=draw.extents(rank, 1, 3) if strided else 1,
        dilation_rate=1 if strided or rank == 3 else draw.extents(rank, 1, 2),
        padding=draw.one(*paddings),
        groups=groups,
        use_bias=draw.maybe(),
        activation=draw.one(*SMOOTH),
        kernel_regularizer=draw.regularizer(),
    )
    return of([layer], (*draw.extents(rank, 5, 7), groups * channels), draw)


def channels_first(draw):
    """Pools and the like; TensorFlow runs no convolution so on a CPU."""
    from keras import layers

    first = {"data_format": "channels_first"}
    stack = [
        layers.Dense(draw.some(5, 7), activation="tanh"),
        draw.one(
            layers.MaxPooling2D(2, **first),
            layers.AveragePooling2D(2, strides=1, padding="same", **first),
            layers.ZeroPadding2D(((1, 0), (0, 2)), **first),
            layers.UpSampling2D(2, **first),
            layers.GlobalAveragePooling2D(keepdims=True, **first),
        ),
        layers.Flatten(**first),
    ]
    return of(stack, (2, *draw.extents(2, 5, 7)), draw)


def depthwise(draw):
    from keras import layers

    rank = draw.some(1, 2)
    strided = draw.maybe()
    arguments = {
        "kernel_size": draw.extents(rank, 1, 3),
        "strides": draw.some(1, 2) if strided else 1,
        "dilation_rate": 1 if strided else draw.some(1, 2),
        "padding": draw.one("valid", "same"),
        "depth_multiplier": draw.some(1, 2),
        "use_bias": draw.maybe(),
        "activation": draw.one(*SMOOTH),
    }
    if draw.maybe():
        kind = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)[rank - 1]
        layer = kind(**arguments)
    else:
        kind = (layers.SeparableConv1D, layers.SeparableConv2D)[rank - 1]
        layer = kind(filters=draw.some(1, 3), **arguments)
    return of([layer], (*draw.extents(rank, 5, 7), draw.some(1, 3)), draw)


def transposed(draw):
    from keras import layers

    rank = draw.one(1, 2, 2, 3)
    kind = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)[rank - 1]
    strides = draw.some(1, 3)
    size = draw.extents(rank, 1, 4)
    padding = draw.one("valid", "same")
    # With "same" TensorFlow takes an output_padding of odd windows alone.
    free = padding == "valid" and min(size) >= strides
    layer = kind(
        draw.some(1, 2),
        size,
        strides=strides,
        padding=padding,
        output_padding=draw.some(0, strides - 1) if free and draw.maybe() else None,
        use_bias=draw.maybe(),
        activation=draw.one(*SMOOTH),
    )
    return of([layer], (*draw.extents(rank, 3, 4), draw.some(1, 2)), draw)


def pooling(draw):
    from keras import layers

    rank = draw.some(1, 3)
    # TensorFlow has no windows of three axes in float64: those have a test of their own.
    kind, whole = draw.one("Max", "Average"), rank == 3 or draw.some(0, 3) == 0
    if whole:
        pool = getattr(layers, f"Global{kind}Pooling{rank}D")(keepdims=draw.maybe())
    else:
        pool = getattr(layers, f"{kind}Pooling{rank}D")(
            draw.some(1, 3),
            strides=draw.one(None, 1, 2),
            padding=draw.one("valid", "same"),
        )
    conv = getattr(layers, f"Conv{rank}D")(2, 2, activation=draw.one("relu", "tanh"))
    return of([conv, pool], (*draw.extents(rank, 5, 6), 2), draw)


def dense(draw):
    from keras import layers

    stack = []
    for _ in range(draw.some(1, 3)):
        name = draw.one(*EVERY)
        arguments = {"use_bias": draw.maybe(), "kernel_regularizer": draw.regularizer()}
        if draw.maybe():
            stack.append(layers.Dense(draw.one(2, 4), activation=name, **arguments))
        else:
            stack += [layers.Dense(4, **arguments), layers.Activation(name)]
    stack.append(
        draw.one(
            layers.ReLU(max_value=draw.one(None, 1.0, 6.0), negative_slope=draw.one(0.0, 0.25)),
            layers.ReLU(threshold=0.5, negative_slope=0.25),
            layers.LeakyReLU(negative_slope=0.25),
            layers.ELU(alpha=0.5),
            layers.PReLU(),
            layers.Softmax(),
            layers.Dropout(0.5),
            layers.ActivityRegularization(l1=2**-6, l2=2**-7),
            layers.GaussianNoise(0.5),
            layers.Dense(2, activity_regularizer="l2"),
        )
    )
    return of(stack, draw.extents(draw.some(1, 2), 2, 4), draw)


def einsum(draw):
    from keras import layers

    equation, output, bias, shape = draw.one(
        ("ab,bc->ac", (3,), "c", (4,)),
        ("abc,cd->abd", (2, 3), "d", (2, 4)),
        ("abc,cde->abde", (2, 2, 3), "de", (2, 4)),
        ("abc,cde->abde", (2, 2, 3), "e", (2, 4)),
        ("abc,bd->adc", (3, 4), None, (2, 4)),
        ("...x,xy->...y", (3,), "y", (2, 4)),
        ("ab...,bc->ac...", (3,), None, (2, 4)),
        ("abc,cb->ab", (2,), "b", (2, 4)),
        ("abc,bcd->ad", (3,), "d", (2, 4)),
    )
    layer = layers.EinsumDense(
        equation, output, bias_axes=draw.one(bias, None), activation=draw.one(*SMOOTH)
    )
    return of([layer], shape, draw)


def embedding(draw):
    import keras
    from keras import layers

    rows, length = draw.some(2, 6), draw.some(1, 4)
    stack = [
        keras.Input((length,), dtype=draw.one("int32", "int64")),
        layers.Embedding(rows, draw.some(1, 3), embeddings_regularizer=draw.regularizer()),
        draw.one(layers.Flatten(), layers.GlobalAveragePooling1D(), layers.Conv1D(2, 1)),
        layers.Flatten(),
        layers.Dense(2),
    ]
    return keras.Sequential(stack), draw.rng.integers(0, rows, (BATCH, length))


def normalization(draw):
    from keras import layers

    switches = {"center": draw.maybe(), "scale": draw.maybe()}
    layer = draw.one(
        layers.BatchNormalization(axis=draw.one(-1, 1), **switches),
        layers.BatchNormalization(**switches),
        layers.LayerNormalization(axis=draw.one(-1, 1, (1, 2)), **switches),
        layers.GroupNormalization(groups=draw.one(1, 2, 4), **switches),
        layers.RMSNormalization(),
        layers.UnitNormalization(axis=draw.one(-1, 1)),
        layers.Rescaling(2.0, offset=-0.5),
        layers.Normalization(mean=0.25, variance=4.0),
    )
    return of(
        [layers.Dense(4), layer, layers.Activation("tanh")], (*draw.extents(1, 2, 4), 3), draw
    )


def reshaping(draw):
    from keras import layers

    rank = draw.some(1, 3)

    def of_rank(name, *arguments, **named):
        return getattr(layers, f"{name}{rank}D")(*arguments, **named)

    kinds = [
        of_rank("ZeroPadding", draw.some(0, 2)),
        of_rank("Cropping", draw.some(0, 1)),
        of_rank("UpSampling", draw.some(1, 3)),
        layers.Permute(tuple(int(i) for i in draw.rng.permutation(rank + 1) + 1)),
        layers.Reshape((-1, 2)),
        layers.Identity(),
    ]
    if rank == 2:
        kinds.append(layers.ZeroPadding2D(((1, 0), (2, 1))))
        kinds.append(layers.Cropping2D(((1, 0), (1, 1))))
    stack = [getattr(layers, f"Conv{rank}D")(2, 2, activation="tanh"), draw.one(*kinds)]
    if draw.some(0, 5) == 0:
        stack = [layers.Flatten(), layers.Dense(3), layers.RepeatVector(draw.some(1, 3))]
    return of(stack, (*draw.extents(rank, 4, 5), 1), draw)


def merging(draw):
    """A graph with two inputs, a shared layer, merges, and one output or two."""
    import keras
    from keras import layers

    width = draw.some(2, 3)
    one, other = keras.Input((width,)), keras.Input((width,))
    shared = layers.Dense(3, activation="tanh", kernel_regularizer=draw.regularizer())
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation="sigmoid")])
    a, b = shared(one), inner(shared(other))
    merge = draw.one(
        *(layers.Add(), layers.Subtract(), layers.Multiply(), layers.Average()),
        *(layers.Maximum(), layers.Minimum(), layers.Concatenate()),
    )
    c = merge([a, b])
    d = draw.one(lambda: a + b, lambda: a * b, lambda: layers.Multiply()([a, b, inner(a)]))()
    e = layers.Concatenate()([c, d])
    outputs = [layers.Dense(2)(e), layers.Dense(1, activation="tanh")(c)]
    model = keras.Model([one, other], outputs if draw.maybe() else outputs[0])
    return model, [draw.rng.normal(size=(BATCH, width)) for _ in range(2)]


def recurrent(draw):
    from keras import layers

    arguments = {
        "return_sequences": draw.maybe(),
        "go_backwards": draw.maybe(),
        "use_bias": draw.maybe(),
    }
    kind = draw.one(layers.SimpleRNN, layers.LSTM, layers.GRU, layers.GRU)
    if kind is layers.GRU:
        arguments["reset_after"] = draw.maybe()
    if kind is not layers.SimpleRNN and draw.maybe():
        arguments["recurrent_activation"] = "softsign"
    layer = kind(draw.some(1, 3), **arguments)
    wrapped = draw.some(0, 4)
    if wrapped == 0:
        arguments["go_backwards"] = False
        inner = kind(draw.some(1, 3), **arguments)
        layer = layers.Bidirectional(inner, merge_mode=draw.one("concat", "sum", "ave", "mul"))
    elif wrapped == 1:
        layer = layers.TimeDistributed(layers.Dense(2, activation="tanh"))
    elif wrapped == 2:
        cells = (layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell)
        layer = layers.RNN(draw.one(*cells)(2), return_sequences=draw.maybe())
    return of([layer], (draw.some(1, 4), draw.some(1, 3)), draw)


def attention(draw):
    import keras
    from keras import layers

    # A width whose square root is exact, as Keras rounds the scale of the scores to float32; and
    # none of 1: a bias of (h, 1) is added along time, where h steps are given (TensorFlow, 3.15).
    heads, width = draw.some(1, 3), 4
    query, value = keras.Input((draw.some(2, 3), 3)), keras.Input((draw.some(2, 3), 3))
    grouped = draw.some(0, 3) == 0
    if grouped:
        layer = layers.GroupQueryAttention(width, 2 * heads, heads, use_bias=draw.maybe())
    else:
        layer = layers.MultiHeadAttention(
            heads,
            width,
            value_dim=draw.one(None, 2),
            use_bias=draw.maybe(),
            output_shape=draw.one(None, 5),
        )
    kind = draw.some(0, 3)
    if kind == 0:
        made = layer(query, query)
    elif kind == 1:
        made = layer(query, query, use_causal_mask=True)
    elif kind == 2:
        made = layer(query, value, key=layers.Dense(3)(value))
    else:
        made = layer(query=query, value=value)
    output = layers.Dense(2)(layers.Flatten()(made))
    model = keras.Model([query, value] if kind > 1 else query, output)
    inputs = [draw.rng.normal(size=(BATCH, *one.shape[1:])) for one in (query, value)]
    return model, inputs if kind > 1 else inputs[0]


def deep(draw):
    """A small CNN as one is built: convolutions, normalisation, pools, dense layers."""
    from keras import layers

    stack = []
    for _ in range(draw.some(1, 2)):
        stack += [
            layers.Conv2D(draw.some(1, 3), 3, padding="same", activation=draw.one("relu", "tanh")),
            draw.one(layers.BatchNormalization(), layers.LayerNormalization(), layers.Dropout(0.2)),
            draw.one(layers.MaxPooling2D(), layers.AveragePooling2D(2)),
        ]
    return of([*stack, layers.Flatten(), layers.Dense(4, activation="relu")], (8, 8, 2), draw)


FAMILIES = (
    *(convolution, channels_first, depthwise, transposed, pooling, dense, einsum, embedding),
    *(normalization, reshaping, merging, recurrent, attention, deep),
)


def targets(model, draw):
    """Targets of the shapes of the model's outputs."""
    shapes = [tuple(one.shape[1:]) for one in model.outputs]
    drawn = [draw.rng.normal(size=(BATCH, *shape)) for shape in shapes]
    return drawn if len(drawn) > 1 else drawn[0]
