"""VGG-16 and VGG-19, configurations D and E of the paper, layer by layer.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
arXiv:1409.1556, Tables 1 and 2. The workings of VGG-16: Stanford's CS231n notes on convolutional
networks, "VGGNet in detail". Those count weights without biases, so a step that adds the biases
is ours. The exact totals: the Keras documentation.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

PAPER = "Simonyan & Zisserman 2014"
CS231N = "CS231n notes, VGGNet in detail; the biases are added here"
KERAS = "keras.io/api/applications (2020–21), Available models, column Parameters"
TORCHVISION = "pytorch.org, torchvision VGG16_Weights, GFLOPS: multiply-accumulates, 15.47"
RESNET_PAPER = "He et al. 2015 (arXiv:1512.03385), §4.1"

# Each row: the layer, the notes' working, our step that adds the biases, the notes' volume.
_IN_DETAIL = (
    ("conv1_1", "(3*3*3)*64 = 1,728", "1,728 + 64 = 1,792", "224x224x64"),
    ("conv1_2", "(3*3*64)*64 = 36,864", "36,864 + 64 = 36,928", "224x224x64"),
    ("pool1", None, None, "112x112x64"),
    ("conv2_1", "(3*3*64)*128 = 73,728", "73,728 + 128 = 73,856", "112x112x128"),
    ("conv2_2", "(3*3*128)*128 = 147,456", "147,456 + 128 = 147,584", "112x112x128"),
    ("pool2", None, None, "56x56x128"),
    ("conv3_1", "(3*3*128)*256 = 294,912", "294,912 + 256 = 295,168", "56x56x256"),
    ("conv3_2", "(3*3*256)*256 = 589,824", "589,824 + 256 = 590,080", "56x56x256"),
    ("conv3_3", "(3*3*256)*256 = 589,824", "589,824 + 256 = 590,080", "56x56x256"),
    ("pool3", None, None, "28x28x256"),
    ("conv4_1", "(3*3*256)*512 = 1,179,648", "1,179,648 + 512 = 1,180,160", "28x28x512"),
    ("conv4_2", "(3*3*512)*512 = 2,359,296", "2,359,296 + 512 = 2,359,808", "28x28x512"),
    ("conv4_3", "(3*3*512)*512 = 2,359,296", "2,359,296 + 512 = 2,359,808", "28x28x512"),
    ("pool4", None, None, "14x14x512"),
    ("conv5_1", "(3*3*512)*512 = 2,359,296", "2,359,296 + 512 = 2,359,808", "14x14x512"),
    ("conv5_2", "(3*3*512)*512 = 2,359,296", "2,359,296 + 512 = 2,359,808", "14x14x512"),
    ("conv5_3", "(3*3*512)*512 = 2,359,296", "2,359,296 + 512 = 2,359,808", "14x14x512"),
    ("pool5", None, None, "7x7x512"),
    ("fc6", "7*7*512*4096 = 102,760,448", "102,760,448 + 4,096 = 102,764,544", "4096"),
    ("fc7", "4096*4096 = 16,777,216", "16,777,216 + 4,096 = 16,781,312", "4096"),
    ("fc8", "4096*1000 = 4,096,000", "4,096,000 + 1,000 = 4,097,000", "1000"),
)


def _in_detail() -> list[Claim]:
    """The claims of CS231n's table."""
    claims = []
    for layer, weights, biases, volume in _IN_DETAIL:
        if weights and biases:
            claims.append(Claim(layer, weights, biases, source=CS231N))
        claims.append(
            Claim(layer, volume.replace("x", " × "), quantity="output_shape", source=CS231N)
        )
    return claims


def _table_1(convolutions: tuple[int, ...]) -> list[Claim]:
    """The claims of a column of Table 1, "conv3-64" and so on; the products are worked out here."""
    claims, channels = [], 3
    for stage, (count, width) in enumerate(zip(convolutions, _WIDTHS, strict=True), start=1):
        source = f"{PAPER}, Table 1, column E: conv3-{width}; worked out here"
        for number in range(1, count + 1):
            weights = 3 * 3 * channels * width
            product = f"3 × 3 × {channels} × {width} = {weights:,}"
            total = f"{weights:,} + {width} = {weights + width:,}"
            claims.append(Claim(f"conv{stage}_{number}", product, total, source=source))
            channels = width
    return claims


_WIDTHS = (64, 128, 256, 512, 512)
_D = (2, 2, 3, 3, 3)
_E = (2, 2, 4, 4, 4)


@builder(
    source=f"{PAPER}, Table 1, column D",
    claims=[
        *_in_detail(),
        Claim("total", "138M", source=f"{PAPER}, Table 2, and CS231n's TOTAL params"),
        Claim("total", "138,357,544", source=KERAS),
        Claim(
            "total",
            "15.3G",
            quantity="macs",
            errata={"15.3G": "15.5G"},
            source=f"{RESNET_PAPER}: 15.3 billion FLOPs, which leaves out the dense layers",
        ),
        Claim("total", "15.47G", quantity="macs", source=TORCHVISION),
    ],
)
def vgg16() -> keras.Model:
    """VGG-16: thirteen 3 × 3 convolutions in five stages and three dense layers."""
    return _vgg("vgg16", _D)


@builder(
    source=f"{PAPER}, Table 1, column E",
    claims=[
        *_table_1(_E),
        Claim(
            "fc6",
            "7 × 7 × 512 × 4096 + 4096 = 102,764,544",
            source=f"{PAPER}, Table 1, FC-4096; worked out here",
        ),
        Claim(
            "fc7",
            "4096 × 4096 + 4096 = 16,781,312",
            source=f"{PAPER}, Table 1, FC-4096; worked out here",
        ),
        Claim(
            "fc8",
            "4096 × 1000 + 1000 = 4,097,000",
            source=f"{PAPER}, Table 1, FC-1000; worked out here",
        ),
        Claim("total", "144M", source=f"{PAPER}, Table 2"),
        Claim("total", "143,667,240", source=KERAS),
        Claim("total", "19.6G", quantity="macs", source=f"{RESNET_PAPER}: 19.6 billion FLOPs"),
    ],
)
def vgg19() -> keras.Model:
    """VGG-19: sixteen 3 × 3 convolutions in five stages and three dense layers."""
    return _vgg("vgg19", _E)


def _vgg(name: str, convolutions: tuple[int, ...]) -> keras.Model:
    """Five stages of convolutions, each closed by a max pool, and the three dense layers."""
    stack = [keras.Input((224, 224, 3), name="input")]
    for stage, (count, width) in enumerate(zip(convolutions, _WIDTHS, strict=True), start=1):
        stack += [
            layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{stage}_{number}")
            for number in range(1, count + 1)
        ]
        stack.append(layers.MaxPooling2D(2, name=f"pool{stage}"))
    stack += [
        layers.Flatten(name="flatten"),
        layers.Dense(4096, activation="relu", name="fc6"),
        layers.Dropout(0.5, name="dropout6"),
        layers.Dense(4096, activation="relu", name="fc7"),
        layers.Dropout(0.5, name="dropout7"),
        layers.Dense(1000, activation="softmax", name="fc8"),
    ]
    return keras.Sequential(stack, name=name)
