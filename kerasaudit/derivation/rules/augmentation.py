"""Layers that change images at random in training. No weights.

What they draw from is the state of a seed generator, which is no weight: Keras counts it neither
among the layer's weights nor among its parameters.
"""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.rules.preprocessing import resized
from kerasaudit.derivation.shape import Shape


@rule(
    *("AugMix", "CutMix", "MixUp", "RandAugment"),
    *("RandomBrightness", "RandomColorJitter", "RandomContrast", "RandomElasticTransform"),
    *("RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue"),
    *("RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation"),
    *("RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom"),
    several_inputs=True,
)
def augmentation(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Changes images at random: their colours, geometry, mixture. No weights: all is drawn.

    Output:   as the input; of images with labels or boxes, each as it came.
    MACs:     0: by the policy, work on pixels is no contraction with weights (a blur's filter
              is drawn, not learnt).
    Source:   Keras image_preprocessing/*.py.
    """
    return Derivation(output_shape=x[0] if len(x) == 1 else x, macs=0)


@rule("RandomColorDegeneration")
def random_color_degeneration(layer: LayerConfig, x: Shape) -> Derivation:
    """Mixes an image with its grey version at random. No weights: the mixture is drawn.

    Output:   as the input, which must be RGB: rank 3 or 4, with 3 channels.
    MACs:     0: element-wise work.
    Source:   Keras image_preprocessing/random_color_degeneration.py.
    """
    if len(x) not in (3, 4):
        layer.shape_error("an image or a batch of images (rank 3 or 4)", x)
    channels = x[-3 if layer.channels_first() else -1]
    if channels not in (3, None):
        layer.shape_error("images of 3 channels", x)
    return Derivation(output_shape=x, macs=0)


@rule("RandomCrop")
def random_crop(layer: LayerConfig, x: Shape) -> Derivation:
    """Cuts a window out at random (the middle, outside training). No weights: the place is drawn.

    Output:   height × width, whatever the input's: a smaller image is enlarged first.
    Example:  height=5, width=12 on 8×9×3 gives 5×12×3.
    MACs:     0: moving values.
    Source:   Keras image_preprocessing/random_crop.py.
    """
    return Derivation(output_shape=resized(layer, x), macs=0)
