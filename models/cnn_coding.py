"""The models on page 1 of the CNN-Coding notes: from dense layers to a CNN.

Source: CNN-Coding notes, page 1, a handwritten lecture, transcribed. The notes give kernels and
counts; where they leave an input size or a head open, the builder's comment says what was chosen.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

NOTES = "CNN-Coding notes, page 1"


@builder(
    source=f"{NOTES}, item 1: net = w1·x1 + w2·x2 + w3·x3; multiplied by the units here",
    claims=[
        Claim("dense", "3 × 3 = 9"),
        Claim("dense_1", "3 × 1 = 3"),
        # One unit's net is a sum of three products.
        Claim("dense_1", "1 + 1 + 1 = 3", quantity="macs"),
        Claim("dense_1", "1", quantity="output_shape"),
    ],
)
def dense_coding() -> keras.Model:
    """Dense → Dense: three input units feed one output unit, net = w1·x1 + w2·x2 + w3·x3."""
    # The net as the notes write it has no bias; "a net of 0 gives 0" is drawn, so no sigmoid.
    return keras.Sequential(
        [
            keras.Input((3,), name="input"),
            layers.Dense(3, use_bias=False, activation="relu", name="dense"),
            layers.Dense(1, use_bias=False, activation="relu", name="dense_1"),
        ],
        name="dense_coding",
    )


@builder(
    source=f"{NOTES}, item 2: K = 5 → F_M = 5",
    claims=[Claim("conv2d", "5", quantity="feature_maps")],
)
def feature_maps() -> keras.Model:
    """K = 5 kernels give 5 feature maps: one convolution on 28×28×1."""
    # The notes give K alone; the 3 × 3 window and the input are those of their items 3 and 4.
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="input"),
            layers.Conv2D(5, (3, 3), name="conv2d"),
        ],
        name="feature_maps",
    )


@builder(
    source=f"{NOTES}, items 3 and 4",
    claims=[
        Claim("conv2d", "32 × 3 × 3 = 288", "288 + 32 = 320"),
        Claim(
            "conv2d_1",
            "64 × 3 × 3 = 567",
            "567 × 32 = 18432",
            "18432 + 64 = 18496",
            errata={
                "64 × 3 × 3 = 567": "64 × 3 × 3 = 576",
                "567 × 32 = 18432": "576 × 32 = 18432",
            },
        ),
    ],
)
def cnn_coding() -> keras.Model:
    """Two convolutions of 32 and 64 kernels of 3 × 3 on 28×28×1, and a dense layer."""
    # The notes give the kernels; the 28 × 28 input, the pools and the ten classes are MNIST's.
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="input"),
            layers.Conv2D(32, (3, 3), activation="relu", name="conv2d"),
            layers.MaxPooling2D((2, 2), name="max_pooling2d"),
            layers.Conv2D(64, (3, 3), activation="relu", name="conv2d_1"),
            layers.MaxPooling2D((2, 2), name="max_pooling2d_1"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="dense"),
        ],
        name="cnn_coding",
    )
