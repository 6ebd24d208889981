"""The model on page 2 of the CNN-Coding notes, on which they work out backpropagation.

Source: CNN-Coding notes, page 2, a handwritten lecture, transcribed. The notes print no counts
for it, and formulas in letters: the workings are ours, at an input of 8×8×1, from the layers and
the formulas as the notes write them. Notes count from 1, the index of an element from 0.
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
    learning_rate=0.1,
)

FORWARD = [
    Claim(
        "max_pooling2d[0,0,0]",
        "0.18, 0.65, 0.33, 0.48",
        quantity="window",
        source=f"{NOTES}: p¹_11 = max(y¹_11, y¹_12, y¹_21, y¹_22)",
    ),
    Claim(
        "max_pooling2d[0,0,0]",
        "0.65",
        quantity="output",
        source=f"{NOTES}: p¹_11 = max(y¹_11, y¹_12, y¹_21, y¹_22)",
    ),
    Claim(
        "dense[0]",
        "0.6 · 1.412 − 0.4 · 1.480 + 0.3 · 1.617 + 0.5 · 0.905 + 0.1 = 1.2928",
        quantity="net_input",
        source=f"{NOTES}: o = w1·p²_11 + w2·p²_12 + …; the bias is Keras's default",
    ),
    Claim("dense[0]", "0.78462", quantity="output", source=f"{NOTES}: Dense(1, sigmoid)"),
]

WINNER = f"{NOTES}: the gradient reaches only the input that won the maximum"
CHAIN_RULE = f"{NOTES}: ∂L/∂ŷ · ∂ŷ/∂o · [ ∂o/∂p²_11 · ∂p²_11/∂K¹_ij + ∂o/∂p²_12 · … ]"

# With the target 1, L = −ln ŷ, ∂L/∂ŷ = −1/ŷ; and ∂ŷ/∂o = ŷ · (1 − ŷ).
BACKWARD = [
    Claim("max_pooling2d[0,0,0]", "0, 1, 0, 0", quantity="routing", source=f"{WINNER}, y¹_12"),
    Claim("max_pooling2d_1[0,0,0]", "0, 0, 0, 1", quantity="routing", source=f"{WINNER}, y²_22"),
    Claim(
        "dense/kernel[0,0]",
        "(−1 / 0.78462) · 0.78462 · (1 − 0.78462) · 1.412 = −0.3041166 = −0.3041",
        quantity="gradient",
        source=f"{NOTES}: ∂L/∂ŷ · ∂ŷ/∂o · ∂o/∂w1, where ∂o/∂w1 = p²_11",
    ),
    Claim(
        "conv2d_1/kernel[0,0,0,0]",
        "(−1 / 0.78462) · 0.78462 · (1 − 0.78462) · [ 0.6 · 0.65 − 0.4 · 0.83 + 0.5 · 1.22 ]"
        " = −0.1438738 = −0.1439",
        quantity="gradient",
        source=f"{CHAIN_RULE}, of K²_11; w3 drops out, as under y²_31 K²_11 meets the padding",
    ),
    Claim(
        "conv2d/kernel[0,0,0,0]",
        # ∂p²/∂K¹_11 for each p²: over the p¹ that its winner sees, Σ K²_uv · x.
        "0.6 · 0.7 + 0.5 · 0.6 − 0.1 · 0.9 + 0.1 · 0.6 − 0.7 · 0.9 + 0.8 · 0.3 = 0.30",
        "0.2 · 0.7 + 0.3 · 0.6 + 0.5 · 0.9 − 0.1 · 0.6 + 0.1 · 0.9 − 0.7 · 0.3 + 0.8 · 0.6 = 1.07",
        "0.6 · 0.6 + 0.5 · 0.6 − 0.1 · 0.9 + 0.8 · 0.4 = 0.89",
        "−0.4 · 0.9 + 0.2 · 0.3 + 0.6 · 0.6 + 0.3 · 0.4 + 0.5 · 0.6 − 0.1 · 0.4 = 0.44",
        "(−1 / 0.78462) · 0.78462 · (1 − 0.78462)"
        " · [ 0.6 · 0.30 − 0.4 · 1.07 + 0.3 · 0.89 + 0.5 · 0.44 ] = −0.0514758 = −0.05148",
        quantity="gradient",
        source=f"{CHAIN_RULE}, of K¹_11: the sum over every path",
    ),
    Claim(
        "conv2d/kernel[0,0,0,0]",
        "0.5 − 0.1 · (−0.05148) = 0.505148",
        quantity="update",
        source=f"{NOTES}: K_ij(new) = K_ij(old) − α · ∂L/∂K_ij",
    ),
]


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
        *FORWARD,
        *BACKWARD,
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
