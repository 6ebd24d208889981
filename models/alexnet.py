"""AlexNet, with the two towers of the paper as grouped convolutions.

Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", NIPS 2012, §3.5 and the caption of Fig. 2. The workings with biases: Stack Overflow,
question 40060949. The total of the grouped net: HewlettPackard/dlcookbook-dlbs, table of models.

A kernel of the second, fourth and fifth convolution sees the maps of its own GPU alone: groups=2.
The third sees them all. (The "one tower" net of later frameworks has 62,378,344 parameters, and
torchvision's, of other widths, 61,100,840.) Local response normalization has no parameters and no
Keras layer, so it is left out.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

PAPER = "Krizhevsky et al. 2012"
WORKINGS = "Stack Overflow 40060949"


def _kernels(layer: str, kernels: str, *working: str) -> Claim:
    """A claim on the kernels that §3.5 describes; their biases are added by us."""
    return Claim(layer, *working, source=f"{PAPER}, §3.5: {kernels}; the biases are added here")


def _neurons(layer: str, neurons: str, inputs: str, errata: dict[str, str] | None = None) -> Claim:
    """A layer's neurons by Fig. 2; each takes one MAC for each of its inputs, which is audited."""
    source = f"{PAPER}, Fig. 2, caption: neurons of {layer}; multiplied by §3.5's kernels here"
    return Claim(layer, neurons, inputs, quantity="macs", errata=errata, source=source)


@builder(
    source=f"{PAPER}, §3.5 and Fig. 2",
    claims=[
        Claim(
            "input",
            "224 × 224 × 3",
            quantity="output_shape",
            errata={"224 × 224 × 3": "227 × 227 × 3"},
            source=f"{PAPER}, §3.5; (224 − 11)/4 + 1 is no whole number, (227 − 11)/4 + 1 is 55",
        ),
        _kernels(
            "conv1",
            "96 kernels of size 11×11×3",
            "96 × 11 × 11 × 3 = 34,848",
            "34,848 + 96 = 34,944",
        ),
        _kernels(
            "conv2",
            "256 kernels of size 5×5×48",
            "256 × 5 × 5 × 48 = 307,200",
            "307,200 + 256 = 307,456",
        ),
        _kernels(
            "conv3",
            "384 kernels of size 3×3×256",
            "384 × 3 × 3 × 256 = 884,736",
            "884,736 + 384 = 885,120",
        ),
        _kernels(
            "conv4",
            "384 kernels of size 3×3×192",
            "384 × 3 × 3 × 192 = 663,552",
            "663,552 + 384 = 663,936",
        ),
        _kernels(
            "conv5",
            "256 kernels of size 3×3×192",
            "256 × 3 × 3 × 192 = 442,368",
            "442,368 + 256 = 442,624",
        ),
        Claim("conv1", "(11*11)*3*96 + 96 = 34944", source=WORKINGS),
        Claim("conv2", "(5*5)*48*256 + 256 = 307,456", source=f"{WORKINGS}, an answer"),
        Claim("conv3", "(3*3)*256*384 + 384 = 885120", source=WORKINGS),
        Claim("fc6", "(6*6)*256*4096 + 4096 = 37752832", source=f"{WORKINGS}, fc1"),
        Claim("fc7", "4096*4096 + 4096 = 16781312", source=f"{WORKINGS}, fc2"),
        Claim("fc8", "4096*1000 + 1000 = 4097000", source=f"{WORKINGS}, fc3"),
        _neurons(
            "conv1",
            "55 × 55 × 96 = 253,440",
            "290,400 × 11 × 11 × 3 = 105,415,200",
            {"55 × 55 × 96 = 253,440": "55 × 55 × 96 = 290,400"},
        ),
        _neurons("conv2", "27 × 27 × 256 = 186,624", "186,624 × 5 × 5 × 48 = 223,948,800"),
        _neurons("conv3", "13 × 13 × 384 = 64,896", "64,896 × 3 × 3 × 256 = 149,520,384"),
        _neurons("conv4", "13 × 13 × 384 = 64,896", "64,896 × 3 × 3 × 192 = 112,140,288"),
        _neurons("conv5", "13 × 13 × 256 = 43,264", "43,264 × 3 × 3 × 192 = 74,760,192"),
        Claim("fc6", "4096", quantity="output_shape", source=f"{PAPER}, §3.5"),
        Claim("fc7", "4096", quantity="output_shape", source=f"{PAPER}, §3.5"),
        Claim("fc8", "1000", quantity="output_shape", source=f"{PAPER}, §3.5"),
        Claim("total", "60,965,224", source="HewlettPackard/dlcookbook-dlbs, table of models"),
        Claim(
            "total",
            "60M",
            errata={"60M": "61M"},
            source=f"{PAPER}, abstract: 60 million parameters, which is cut off, not rounded",
        ),
    ],
)
def alexnet() -> keras.Model:
    """AlexNet's eight layers on 227×227×3, its two towers as two groups."""
    relu = {"activation": "relu"}
    return keras.Sequential(
        [
            keras.Input((227, 227, 3), name="input"),
            layers.Conv2D(96, 11, strides=4, name="conv1", **relu),
            layers.MaxPooling2D(3, strides=2, name="pool1"),
            layers.Conv2D(256, 5, padding="same", groups=2, name="conv2", **relu),
            layers.MaxPooling2D(3, strides=2, name="pool2"),
            layers.Conv2D(384, 3, padding="same", name="conv3", **relu),
            layers.Conv2D(384, 3, padding="same", groups=2, name="conv4", **relu),
            layers.Conv2D(256, 3, padding="same", groups=2, name="conv5", **relu),
            layers.MaxPooling2D(3, strides=2, name="pool5"),
            layers.Flatten(name="flatten"),
            layers.Dense(4096, name="fc6", **relu),
            layers.Dropout(0.5, name="dropout6"),
            layers.Dense(4096, name="fc7", **relu),
            layers.Dropout(0.5, name="dropout7"),
            layers.Dense(1000, activation="softmax", name="fc8"),
        ],
        name="alexnet",
    )
