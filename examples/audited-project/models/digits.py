"""The model that the project ships."""

import keras
from keras import layers

import kerasaudit as ka


@ka.builder(
    source="README.md",
    claims=[
        ka.Claim("conv_2", "3 × 3 × 8 = 72", "72 × 16 = 1152", "1152 + 16 = 1168"),
        ka.Claim("total", "80 + 1168 + 4010 = 5258"),
    ],
)
def digits() -> keras.Model:
    """Two convolutions and a softmax over ten digits."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, name="pool_1"),
            layers.Conv2D(16, 3, activation="relu", name="conv_2"),
            layers.MaxPooling2D(2, name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )
