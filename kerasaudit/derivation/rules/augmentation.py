"""Layers that change images at random in training. No weights.

What they draw from is the state of a seed generator, which is no weight: Keras counts it neither
among the layer's weights nor among its parameters.
"""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.rules.preprocessing import resized
from kerasaudit.derivation.seed import seed_state
from kerasaudit.derivation.shape import Shape
from kerasaudit.derivation.weight import Weight

# The parts of RandAugment and AugMix that draw something, and so hold a generator of their own.
_DRAWING = ("shear", "translation", "rotation", "posterization")
_DRAWING_COLOURS = ("brightness", "color_degeneration", "contrast", "sharpness")


@rule(
    *("CutMix", "MixUp", "Solarization"),
    *("RandomBrightness", "RandomContrast", "RandomElasticTransform"),
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
    return _as_it_came(x, seed_state())


@rule("RandAugment", "AugMix", several_inputs=True)
def composed(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Applies augmentations at random, in turn (RandAugment) or in chains (AugMix). No weights.

    Output:   as the input; of images with labels or boxes, each as it came.
    MACs:     0: by the policy, work on pixels is no contraction with weights.
    Limits:   the state of its own generator and those of the augmentations in it (10 in all, 6 in
              AugMix without all_ops) are no weights.
    Source:   Cubuk et al. 2020, Hendrycks et al. 2020; Keras image_preprocessing/rand_augment.py,
              aug_mix.py.
    """
    full = layer.class_name == "RandAugment" or layer.boolean("all_ops", True)
    drawing = (*_DRAWING, *(_DRAWING_COLOURS if full else ()))
    parts = ("solarization", *(f"random_{one}" for one in drawing))
    return _as_it_came(x, seed_state(), *(seed_state().within(part) for part in parts))


@rule("RandomColorJitter", several_inputs=True)
def color_jitter(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Changes brightness, contrast, saturation and hue at random. No weights: all is drawn.

    Output:   as the input; of images with labels or boxes, each as it came.
    MACs:     0: element-wise work.
    Limits:   the states of its own generator and of one for each factor given are no weights.
    Source:   Keras image_preprocessing/random_color_jitter.py.
    """
    changes = ("brightness", "contrast", "saturation", "hue")
    given = [one for one in changes if layer.get(f"{one}_factor") is not None]
    return _as_it_came(x, seed_state(), *(seed_state().within(f"random_{one}") for one in given))


def _as_it_came(x: tuple[Shape, ...], *state: Weight) -> Derivation:
    return Derivation(output_shape=x[0] if len(x) == 1 else x, macs=0, state=state)


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
    return Derivation(output_shape=x, macs=0, state=(seed_state(),))


@rule("RandomCrop", several_inputs=True)
def random_crop(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Cuts a window out at random (the middle, outside training). No weights: the place is drawn.

    Output:   height × width, whatever the input's: a smaller image is enlarged first. Unknown where
              labels or boxes come with the images.
    Example:  height=5, width=12 on 8×9×3 gives 5×12×3.
    MACs:     0: moving values.
    Source:   Keras image_preprocessing/random_crop.py.
    """
    return Derivation(output_shape=resized(layer, x), macs=0, state=(seed_state(),))
