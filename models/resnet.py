"""ResNet-50, written out from the table of the paper, layer by layer.

Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385,
Table 1, column "50-layer". The paper prints no count of parameters. The count cited is that of
torchvision's `ResNet50_Weights`, "num_params" 25,557,032.

What the paper leaves open is decided so that the cited count applies: no convolution has a bias
(the batch normalization after it has one), and each batch normalization has a scale and a shift
of each channel, which are trained, and a moving mean and variance, which are not. Keras's own
ResNet50 has biases in its convolutions as well, 26,560 of them. The stride stands in a block's
first 1 × 1 convolution, as in the paper; torchvision's stands in the 3 × 3, which changes MACs
alone.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

TORCHVISION = "pytorch.org, torchvision ResNet50_Weights, GFLOPS: multiply-accumulates"
PAPER = "He et al. 2015, Table 1, column 50-layer"

# Table 1: the stage, the width of its 1 × 1 and 3 × 3 kernels, its blocks, its output size.
_STAGES = ((2, 64, 3, 56), (3, 128, 4, 28), (4, 256, 6, 14), (5, 512, 3, 7))


def _convolution(layer: str, size: int, channels: int, kernels: int) -> Claim:
    weights = size * size * channels * kernels
    return Claim(
        layer,
        f"{size} × {size} × {channels} × {kernels} = {weights:,}",
        source=f"{PAPER}: {size}×{size}, {kernels}; worked out here",
    )


def _table_1() -> list[Claim]:
    """Every convolution and every stage's output size."""
    claims, channels = [_convolution("conv1", 7, 3, 64)], 64
    for stage, width, blocks, size in _STAGES:
        claims.append(_convolution(f"conv{stage}_block1_shortcut", 1, channels, 4 * width))
        for block in range(1, blocks + 1):
            name = f"conv{stage}_block{block}"
            claims += [
                _convolution(f"{name}_1_conv", 1, channels, width),
                _convolution(f"{name}_2_conv", 3, width, width),
                _convolution(f"{name}_3_conv", 1, width, 4 * width),
            ]
            channels = 4 * width
        claims.append(
            Claim(
                f"conv{stage}_block{blocks}_out",
                f"{size} × {size} × {channels}",
                quantity="output_shape",
                source=f"{PAPER}, conv{stage}_x, output size {size}×{size}",
            )
        )
    return claims


@builder(
    source=PAPER,
    claims=[
        Claim("conv1", "112 × 112 × 64", quantity="output_shape"),
        Claim("pool1", "56 × 56 × 64", quantity="output_shape"),
        *_table_1(),
        Claim(
            "fc", "2048 × 1000 + 1000 = 2,049,000", source=f"{PAPER}: 1000-d fc; worked out here"
        ),
        Claim("fc", "1000", quantity="output_shape"),
        Claim(
            "total",
            "25,557,032",
            quantity="trainable_params",
            source="pytorch.org, torchvision ResNet50_Weights, num_params",
        ),
        Claim(
            "total",
            "3.8G",
            quantity="macs",
            errata={"3.8G": "3.9G"},
            source=f"{PAPER}, FLOPs: 3.8×10^9, which is cut off, not rounded",
        ),
        Claim(
            "total",
            "4.09G",
            quantity="macs",
            errata={"4.09G": "3.86G"},
            source=f"{TORCHVISION}: 4.09; its stride stands in the 3 × 3, the paper's in the 1 × 1",
        ),
    ],
)
def resnet50() -> keras.Model:
    """ResNet-50: sixteen bottleneck blocks in four stages, no biases in the convolutions."""
    x = inputs = keras.Input((224, 224, 3), name="input")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(name="conv1_bn")(x)
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, width, blocks, _ in _STAGES:
        for block in range(1, blocks + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            x = _bottleneck(x, f"conv{stage}_block{block}", width, stride, project=block == 1)
    x = layers.GlobalAveragePooling2D(name="average_pool")(x)
    x = layers.Dense(1000, activation="softmax", name="fc")(x)
    return keras.Model(inputs, x, name="resnet50")


def _bottleneck(
    x: keras.KerasTensor, name: str, width: int, stride: int, *, project: bool
) -> keras.KerasTensor:
    """1 × 1, 3 × 3 and 1 × 1 convolutions around a shortcut, which is projected where it widens."""
    shortcut = x
    if project:
        shortcut = layers.Conv2D(
            4 * width, 1, strides=stride, use_bias=False, name=f"{name}_shortcut"
        )(x)
        shortcut = layers.BatchNormalization(name=f"{name}_shortcut_bn")(shortcut)
    for number, (kernels, size) in enumerate(((width, 1), (width, 3), (4 * width, 1)), start=1):
        x = layers.Conv2D(
            kernels,
            size,
            strides=stride if number == 1 else 1,
            padding="same",
            use_bias=False,
            name=f"{name}_{number}_conv",
        )(x)
        x = layers.BatchNormalization(name=f"{name}_{number}_bn")(x)
        if number < 3:
            x = layers.ReLU(name=f"{name}_{number}_relu")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)
