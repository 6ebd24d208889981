"""Layers that prepare inputs. Normalization, which has weights, is in normalization.py."""

from __future__ import annotations

from typing import cast

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, derive_part, rule
from kerasaudit.derivation.shape import Shape, is_shape, total


@rule("Rescaling")
def rescaling(layer: LayerConfig, x: Shape) -> Derivation:
    """Multiplies by a constant and adds another. No weights: neither is learnt.

    MACs:     0: element-wise work.
    Source:   Keras rescaling.py.
    """
    return Derivation(output_shape=x, macs=0, window=POINTWISE)


@rule("Resizing", "CenterCrop", several_inputs=True)
def resizing(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Gives images a height and width by interpolating or cutting. No weights: nothing is learnt.

    Output:   height × width, whatever the input's: CenterCrop enlarges a smaller image first.
              Unknown where labels or boxes come with the images: which of the inputs the images
              are is said by names that a rule is not given.
    Example:  height=5, width=12 on 8×9×3 gives 5×12×3.
    MACs:     0: interpolation is no contraction with weights.
    Limits:   an image or a batch of images, rank 3 or 4.
    Source:   Keras image_preprocessing/resizing.py, center_crop.py.
    """
    return Derivation(output_shape=resized(layer, x), macs=0)


def resized(layer: LayerConfig, x: tuple[Shape, ...]) -> Shape | None:
    """The shape of an image, or of a batch of images, at the layer's `height` and `width`."""
    size = (layer.integer("height"), layer.integer("width"))
    if len(x) > 1:
        return None
    (image,) = x
    if len(image) not in (3, 4):
        layer.shape_error("an image or a batch of images (rank 3 or 4)", image)
    if layer.channels_first():
        return (*image[:-2], *size)
    return (*image[:-3], *size, image[-1])


@rule(
    *("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"),
    several_inputs=True,
)
def pixel_values(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Remaps the values of pixels. No weights: the mapping is fixed or read off the image itself.

    Output:   as the input; of images with labels or boxes, each as it came.
    MACs:     0: element-wise work.
    Source:   Keras image_preprocessing/auto_contrast.py, clahe.py, equalization.py.
    """
    return Derivation(output_shape=x[0] if len(x) == 1 else x, macs=0)


@rule("MaxNumBoundingBoxes", several_inputs=True)
def max_num_bounding_boxes(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Cuts or pads an image's bounding boxes to max_number. No weights: nothing is learnt.

    Output:   an image alone as it came; unknown where boxes come with it, for which of the inputs
              they are is said by names that a rule is not given.
    MACs:     0: moving values.
    Source:   Keras image_preprocessing/max_num_bounding_box.py.
    """
    layer.integer("max_number")
    return Derivation(output_shape=x[0] if len(x) == 1 else None, macs=0)


@rule("Pipeline")
def pipeline(layer: LayerConfig, x: Shape) -> Derivation:
    """Applies layers one after the other. No weights of its own: those of its layers, mostly none.

    Formula:  the sum over its layers; a weight is named by its layer, "dense/kernel".
    Output:   the last layer's.
    MACs:     the sum over its layers.
    Limits:   every layer of it must have a rule, and an output that is known and single.
    Source:   Keras pipeline.py.
    """
    parts = layer.get("layers")
    if not isinstance(parts, (list, tuple)) or not parts:
        layer.fail(f"layers must be a list of one layer or more, received {parts!r}")
    derived: list[Derivation] = []
    shape = x
    for part in parts:
        derivation = derive_part(layer, part, shape)
        derived.append(derivation)
        if not is_shape(derivation.output_shape):
            layer.unsupported(f"the output of {part.get('class_name')} in it is not known")
        shape = cast("Shape", derivation.output_shape)
    return Derivation(
        weights=tuple(weight for one in derived for weight in one.weights),
        output_shape=shape,
        macs=total(one.macs for one in derived),
        activation_macs=total(one.activation_macs for one in derived),
        state=tuple(weight for one in derived for weight in one.state),
    )
