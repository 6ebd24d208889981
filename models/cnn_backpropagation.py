"""The model on page 2 of the CNN-Coding notes, on which they work out backpropagation.

Source: CNN-Coding notes, page 2, a handwritten lecture, transcribed. The notes print no counts
for it: the workings are ours, at an input of 8×8×1, from the layers as the notes write them.
"""

import keras
from keras import layers

from kerasaudit import Claim, Example, builder

NOTES = "CNN-Coding notes, page 2"

# The notes work with letters. These figures are ours: short ones, of which no maximum is a tie.
EXAMPLE = Example(
    # The picture is x_ij = ((i² + 2·j + 2·i·j) mod 10) / 10, for rows i and columns j from 1 on.
    x=[[[[((i * i + 2 * j + 2 * i * j) % 10) / 10] for j in range(1, 9)] for i in range(1, 9)]],
    y=[[1]],
    loss="binary_crossentropy",
    weights={
        "conv2d/kernel": [
            [[[0.5]], [[-0.3]], [[0.2]]],
            [[[0.1]], [[0.4]], [[-0.6]]],
            [[[-0.2]], [[0.3]], [[0.7]]],
        ],
        "conv2d/bias": [0.1],
        "conv2d_1/kernel": [
            [[[-0.4]], [[0.2]], [[0.6]]],
            [[[0.3]], [[0.5]], [[-0.1]]],
            [[[0.1]], [[-0.7]], [[0.8]]],
        ],
        "conv2d_1/bias": [-0.2],
        "dense/kernel": [[0.6], [-0.4], [0.3], [0.5]],
        "dense/bias": [0.1],
    },
)


@builder(
    source=f"{NOTES}, the model; its counts at 8×8×1 worked out here",
    claims=[
        Claim("conv2d", "1 × 3 × 3 = 9", "9 × 1 = 9", "9 + 1 = 10"),
        Claim("conv2d_1", "1 × 3 × 3 = 9", "9 × 1 = 9", "9 + 1 = 10"),
        Claim("conv2d", "8 × 8 × 1", quantity="output_shape"),
        Claim("max_pooling2d", "4 × 4 × 1", quantity="output_shape"),
        Claim("conv2d_1", "4 × 4 × 1", quantity="output_shape"),
        Claim("max_pooling2d_1", "2 × 2 × 1", quantity="output_shape"),
        Claim(
            "dense",
            "2 × 2 × 1 = 4",
            "4 + 1 = 5",
            source=f"{NOTES}: o = w1·p²_11 + w2·p²_12 + …; the bias is Keras's default",
        ),
        Claim("total", "10 + 10 + 5 = 25"),
    ],
    example=EXAMPLE,
)
def cnn_backpropagation() -> keras.Model:
    """Two stages of one 3 × 3 kernel and a max pool on 8×8×1, then one sigmoid unit."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="input"),
            layers.Conv2D(1, (3, 3), padding="same", name="conv2d"),
            layers.MaxPooling2D((2, 2), name="max_pooling2d"),
            layers.Conv2D(1, (3, 3), padding="same", name="conv2d_1"),
            layers.MaxPooling2D((2, 2), name="max_pooling2d_1"),
            layers.Flatten(name="flatten"),
            layers.Dense(1, activation="sigmoid", name="dense"),
        ],
        name="cnn_backpropagation",
    )
