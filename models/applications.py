"""Every model of `keras.applications`, with what is published of its size.

Sources, each cited with its claim: the table "Available models" of keras.io/api/applications
(rounded counts; its edition of 2020–21, keras-team/keras-io at 01b6d6c, had exact ones); the
docstrings of Keras and keras-applications; the papers of the models.

Each builder bears the name of its function in `keras.applications` and calls it with
`weights=None` and defaults otherwise. `CLAIMS` is the data: a model without an entry is not built.
"""

from collections.abc import Callable

import keras

from kerasaudit import Claim, builder

NOW = "keras.io/api/applications, Available models, column Parameters"
EXACT = "keras.io/api/applications (2020–21), Available models, column Parameters"
README = "keras-applications, README.md, Performance, column Size"
MOBILENET = "keras-applications, mobilenet.py, docstring, alpha 1.0, 224"
MOBILENET_V3 = "Keras, mobilenet_v3.py, docstring, table of checkpoints"
MOBILENET_PAPER = "Howard et al. 2017 (MobileNets, arXiv:1704.04861), Table 6"
MOBILENET_V2_PAPER = "Sandler et al. 2018 (MobileNetV2, arXiv:1801.04381), Table 4"
EFFICIENTNET_PAPER = "Tan & Le 2019 (EfficientNet, arXiv:1905.11946), Table 2"
TORCHVISION = "torchvision, models and pre-trained weights, GFLOPS (multiply-accumulates)"
RESNET_PAPER = "He et al. 2015 (arXiv:1512.03385)"
XCEPTION_PAPER = "Chollet 2017 (Xception, arXiv:1610.02357), Table 3"
CUT_OFF = "cut off, not rounded"


def _now(rounded: str, *, correction: str | None = None) -> Claim:
    """The count of today's table; one that is `cut off` has its correction."""
    if correction is None:
        return Claim("total", rounded, source=NOW)
    return Claim("total", rounded, errata={rounded: correction}, source=f"{NOW}; {CUT_OFF}")


def _exact(count: str) -> Claim:
    """The count of the earlier table."""
    return Claim("total", count, source=EXACT)


def _macs(figure: str, source: str, *, correction: str | None = None) -> Claim:
    """Multiply-accumulates, which these sources call multiply-adds, MACs or FLOPs."""
    errata = {figure: correction} if correction else None
    return Claim("total", figure, quantity="macs", errata=errata, source=source)


CLAIMS: dict[str, tuple[Claim, ...]] = {
    "Xception": (
        _now("22.9M"),
        _exact("22,910,480"),
        Claim("total", "22,855,952", quantity="trainable_params", source=XCEPTION_PAPER),
    ),
    "VGG16": (
        _now("138.4M"),
        _exact("138,357,544"),
        _macs("15.47G", f"{TORCHVISION}, VGG16_Weights"),
        _macs(
            "15.3G",
            f"{RESNET_PAPER}, §4.1: 15.3 billion FLOPs, which leaves out the dense layers",
            correction="15.5G",
        ),
    ),
    "VGG19": (
        _now("143.7M"),
        _exact("143,667,240"),
        _macs("19.6G", f"{RESNET_PAPER}, §4.1: 19.6 billion FLOPs"),
    ),
    "ResNet50": (
        _now("25.6M"),
        _exact("25,636,712"),
        _macs("3.8G", f"{RESNET_PAPER}, Table 1: 3.8×10^9 FLOPs; {CUT_OFF}", correction="3.9G"),
        _macs(
            "4.09G",
            f"{TORCHVISION}, ResNet50_Weights; its stride stands in the 3 × 3, here in the 1 × 1",
            correction="3.86G",
        ),
    ),
    "ResNet50V2": (_now("25.6M"), _exact("25,613,800")),
    "ResNet101": (
        _now("44.7M"),
        _exact("44,707,176"),
        _macs("7.6G", f"{RESNET_PAPER}, Table 1: 7.6×10^9 FLOPs"),
    ),
    "ResNet101V2": (_now("44.7M"), _exact("44,675,560")),
    "ResNet152": (
        _now("60.4M"),
        _exact("60,419,944"),
        _macs("11.3G", f"{RESNET_PAPER}, Table 1: 11.3×10^9 FLOPs"),
    ),
    "ResNet152V2": (_now("60.4M"), _exact("60,380,648")),
    "InceptionV3": (_now("23.9M"), _exact("23,851,784")),
    "InceptionResNetV2": (_now("55.9M"), _exact("55,873,736")),
    "MobileNet": (
        _now("4.3M"),
        _exact("4,253,864"),
        Claim("total", "4.2M", quantity="trainable_params", source=MOBILENET_PAPER),
        _macs("569M", MOBILENET_PAPER),
        _macs("529M", f"{MOBILENET}: Multiply-Adds 529", correction="569M"),
    ),
    "MobileNetV2": (
        _now("3.5M"),
        _exact("3,538,984"),
        Claim(
            "total",
            "3.4M",
            quantity="trainable_params",
            errata={"3.4M": "3.5M"},
            source=f"{MOBILENET_V2_PAPER}; keras-applications, mobilenet_v2.py, gives 3.47",
        ),
        _macs("300M", f"{MOBILENET_V2_PAPER}, MAdds; {CUT_OFF}", correction="301M"),
    ),
    "DenseNet121": (_now("8.1M"), _exact("8,062,504")),
    "DenseNet169": (_now("14.3M"), _exact("14,307,880")),
    "DenseNet201": (_now("20.2M"), _exact("20,242,984")),
    "NASNetMobile": (
        _now("5.3M"),
        _exact("5,326,716"),
        Claim("total", "7.7M", errata={"7.7M": "5.3M"}, source=README),
    ),
    "NASNetLarge": (
        _now("88.9M"),
        _exact("88,949,818"),
        Claim("total", "93.5M", errata={"93.5M": "88.9M"}, source=README),
    ),
    "EfficientNetB0": (
        _now("5.3M"),
        _exact("5,330,571"),
        _macs("0.39B", f"{EFFICIENTNET_PAPER}: 0.39B FLOPs, squeeze-and-excitation included"),
    ),
    "EfficientNetB1": (_now("7.9M"), _exact("7,856,239")),
    "EfficientNetB2": (_now("9.2M"), _exact("9,177,569")),
    "EfficientNetB3": (_now("12.3M"), _exact("12,320,535")),
    "EfficientNetB4": (_now("19.5M"), _exact("19,466,823")),
    "EfficientNetB5": (_now("30.6M"), _exact("30,562,527")),
    "EfficientNetB6": (_now("43.3M"), _exact("43,265,143")),
    "EfficientNetB7": (_now("66.7M"), _exact("66,658,687")),
    "EfficientNetV2B0": (_now("7.2M"),),
    "EfficientNetV2B1": (_now("8.2M"),),
    "EfficientNetV2B2": (_now("10.2M"),),
    "EfficientNetV2B3": (_now("14.5M"),),
    "EfficientNetV2S": (_now("21.6M"),),
    "EfficientNetV2M": (_now("54.4M"),),
    "EfficientNetV2L": (_now("119.0M"),),
    "ConvNeXtTiny": (_now("28.6M"),),
    "ConvNeXtSmall": (_now("50.2M"),),
    "ConvNeXtBase": (_now("88.5M", correction="88.6M"),),
    "ConvNeXtLarge": (_now("197.7M", correction="197.8M"),),
    "ConvNeXtXLarge": (_now("350.1M", correction="350.2M"),),
    # Not in the table of keras.io. The table of the docstring is of 224 × 224.
    "MobileNetV3Large": (
        Claim("total", "5.4M", errata={"5.4M": "5.5M"}, source=f"{MOBILENET_V3}, large_1.0_224"),
        _macs("217M", f"{MOBILENET_V3}, large_1.0_224"),
    ),
    "MobileNetV3Small": (
        Claim("total", "2.9M", errata={"2.9M": "2.6M"}, source=f"{MOBILENET_V3}, small_1.0_224"),
        _macs("66M", f"{MOBILENET_V3}, small_1.0_224", correction="57M"),
    ),
}

# By default these two take images of any size, for which MACs are not known.
_INPUT_SHAPES = dict.fromkeys(("MobileNetV3Large", "MobileNetV3Small"), (None, 224, 224, 3))


def _builder(name: str, claims: tuple[Claim, ...]) -> Callable[[], keras.Model]:
    """The builder of one application."""

    def build() -> keras.Model:
        return getattr(keras.applications, name)(weights=None)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"`keras.applications.{name}` with its default arguments and weights=None."
    mark = builder(
        source=f"keras.applications.{name}", claims=claims, input_shape=_INPUT_SHAPES.get(name)
    )
    return mark(build)


globals().update({name: _builder(name, claims) for name, claims in CLAIMS.items()})
