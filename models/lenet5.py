"""LeNet-5: the variant that is taught and built today, and the net of the paper.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), 1998, §II.B and Table I. The variant's counts:
mnchapel.github.io/deep_learning_models, "LeNet-5", table "Parameters".

The two agree in C1 (156), C5 (48,120) and F6 (10,164). They part in three places:

- C3: each of the paper's 16 maps sees three, four or all six maps of S2 (Table I): 1,516
  parameters. Fully connected it has 2,416.
- S2 and S4: the paper's subsampling has a trainable coefficient and bias for each map (12 and 32
  parameters); today's average pooling has none.
- The output: the paper's radial basis functions are fixed codes; today's dense layer is trained.

The paper counts connections with their biases, which is not how MACs are counted here, so its
340,908 connections are no claim.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

PAPER = "LeCun et al. 1998, §II.B"
VARIANT = "mnchapel.github.io/deep_learning_models, LeNet-5, table Parameters"

# The maps of S2 that each map of C3 is connected to.
TABLE_I = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)

# "Layer C1 … 6 feature maps … size 28x28", and so on, channels last.
_MAPS = [
    Claim("c1", "28 × 28 × 6", quantity="output_shape", source=f"{PAPER}, C1"),
    Claim("s2", "14 × 14 × 6", quantity="output_shape", source=f"{PAPER}, S2"),
    Claim("c3", "10 × 10 × 16", quantity="output_shape", source=f"{PAPER}, C3"),
    Claim("s4", "5 × 5 × 16", quantity="output_shape", source=f"{PAPER}, S4"),
    Claim("c5", "1 × 1 × 120", quantity="output_shape", source=f"{PAPER}, C5"),
    Claim("f6", "84", quantity="output_shape", source=f"{PAPER}, F6"),
]


@builder(
    source=VARIANT,
    claims=[
        Claim("c1", "150 + 6 = 156"),
        Claim("c3", "2,400 + 16 = 2,416"),
        Claim("c5", "48,000 + 120 = 48,120"),
        Claim("f6", "10,080 + 84 = 10,164"),
        Claim("output", "840 + 10 = 850"),
        Claim("total", "61,706"),
        Claim("c1", "6 × (25 + 1) = 156", source=f"{PAPER}, C1: 156 trainable parameters"),
        Claim(
            "c5", "120 × (400 + 1) = 48,120", source=f"{PAPER}, C5: 48,120 trainable connections"
        ),
        Claim("f6", "84 × (120 + 1) = 10,164", source=f"{PAPER}, F6: 10,164 trainable parameters"),
        *_MAPS,
    ],
)
def lenet5() -> keras.Model:
    """LeNet-5 as it is built today: average pooling, C3 fully connected, a dense output."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 1), name="input"),
            layers.Conv2D(6, 5, activation="tanh", name="c1"),
            layers.AveragePooling2D(2, name="s2"),
            layers.Conv2D(16, 5, activation="tanh", name="c3"),
            layers.AveragePooling2D(2, name="s4"),
            layers.Conv2D(120, 5, activation="tanh", name="c5"),
            layers.Flatten(name="flatten"),
            layers.Dense(84, activation="tanh", name="f6"),
            layers.Dense(10, activation="softmax", name="output"),
        ],
        name="lenet5",
    )


@builder(
    source=PAPER,
    claims=[
        Claim("c1", "6 × (25 + 1) = 156", source=f"{PAPER}, C1: 156 trainable parameters"),
        Claim("s2", "6 × 2 = 12", source=f"{PAPER}, S2: 12 trainable parameters"),
        *(
            Claim(
                f"c3_{number}",
                f"{len(maps)} × 25 = {len(maps) * 25}",
                f"{len(maps) * 25} + 1 = {len(maps) * 25 + 1}",
                source=f"{PAPER}, Table I, column {number}",
            )
            for number, maps in enumerate(TABLE_I)
        ),
        Claim("s4", "16 × 2 = 32", source=f"{PAPER}, S4: 32 trainable parameters"),
        Claim(
            "c5", "120 × (400 + 1) = 48,120", source=f"{PAPER}, C5: 48,120 trainable connections"
        ),
        Claim("f6", "84 × (120 + 1) = 10,164", source=f"{PAPER}, F6: 10,164 trainable parameters"),
        Claim(
            "output",
            "10 × 84 = 840",
            quantity="non_trainable_params",
            source=f"{PAPER}, output: one fixed code for each class, with 84 inputs each",
        ),
        Claim(
            "total",
            "6 × (75 + 1) + 9 × (100 + 1) + (150 + 1) = 1,516",
            "156 + 12 + 1,516 + 32 + 48,120 + 10,164 = 60,000",
            quantity="trainable_params",
            source=f"{PAPER}, C3: 1,516 trainable parameters; §II.A: 60,000 trainable in all",
        ),
        *_MAPS,
    ],
)
def lenet5_1998() -> keras.Model:
    """The net of the paper: trainable subsampling, C3 connected by Table I, fixed output codes."""
    # Two things are equal in counts and in what they can express, not in scale: the mean of four
    # for their sum, and the product with a code of ±1 for the distance to it, which ranks alike.
    x = inputs = keras.Input((32, 32, 1), name="input")
    x = layers.Conv2D(6, 5, activation="tanh", name="c1")(x)
    x = _subsample(x, "s2")
    x = _connect_by_table(x)
    x = _subsample(x, "s4")
    x = layers.Conv2D(120, 5, activation="tanh", name="c5")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation="tanh", name="f6")(x)
    x = layers.Dense(10, use_bias=False, trainable=False, name="output")(x)
    return keras.Model(inputs, x, name="lenet5_1998")


def _subsample(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Halve a map: the mean of four, a trainable coefficient and bias for each map, a sigmoid."""
    x = layers.AveragePooling2D(2, name=f"{name}_mean")(x)
    return layers.DepthwiseConv2D(1, activation="tanh", name=name)(x)


def _connect_by_table(x: keras.KerasTensor) -> keras.KerasTensor:
    """C3: each map is a convolution of the maps of S2 that Table I gives it."""
    volume = layers.Reshape((14, 14, 6, 1), name="s2_volume")(x)
    maps = []
    for number in range(6):
        crop = ((0, 0), (0, 0), (number, 5 - number))
        one = layers.Cropping3D(crop, name=f"s2_{number}_cropped")(volume)
        maps.append(layers.Reshape((14, 14, 1), name=f"s2_{number}")(one))
    outputs = []
    for number, chosen in enumerate(TABLE_I):
        x = layers.Concatenate(name=f"c3_{number}_inputs")([maps[i] for i in chosen])
        outputs.append(layers.Conv2D(1, 5, activation="tanh", name=f"c3_{number}")(x))
    return layers.Concatenate(name="c3")(outputs)
