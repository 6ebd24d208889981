"""The model on page 2 of the CNN-Coding notes, on which they work out backpropagation.

Source: CNN-Coding notes, page 2, a handwritten lecture, transcribed. The notes print no counts
for it: the workings are ours, at an input of 8×8×1, from the layers as the notes write them.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

NOTES = "CNN-Coding notes, page 2"


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
