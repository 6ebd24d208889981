"""Layers that prepare inputs: lookups, images and their augmentation, audio, functions."""

from __future__ import annotations

import keras
from hypothesis import strategies as st

from tests.derivation.strategies.basic import (
    BATCH,
    FEW,
    FORMATS,
    INTEGERS,
    LAYERS,
    MANY,
    SOME,
    arguments,
    feature_maps,
    on_any_rank,
    on_feature_maps,
    rarely,
)

# -- lookups ------------------------------------------------------------------------------------

# Where an index is encoded, Keras's symbolic shape is right for one index a row, and for bags of a
# matrix: the others are held to what the layers compute, in test_preprocessing.py.
SINGLES = st.sampled_from([(None, 1), (2, 1)])
MATRICES = st.tuples(BATCH, st.integers(1, 4))


@st.composite
def encoded(draw, required, modes, with_trainable=True):
    """Arguments with an output_mode, and a shape for which Keras's symbolic shape is right."""
    mode = draw(st.sampled_from(modes))
    made = {**draw(st.fixed_dictionaries(required)), "output_mode": mode}
    if with_trainable:
        made["trainable"] = draw(st.booleans())
    if mode == "int":
        return made, draw(on_any_rank(low=1))[1]
    return made, draw(SINGLES if mode == "one_hot" else MATRICES)


MODES = ("int", "one_hot", "multi_hot", "count")
BOUNDARIES = st.lists(st.floats(-1, 1), min_size=1, max_size=4).map(sorted)
BINS = st.fixed_dictionaries({"bin_boundaries": BOUNDARIES}) | st.fixed_dictionaries(
    {"num_bins": st.integers(1, 4)}
)


@st.composite
def looked_up(draw, words):
    """StringLookup and IntegerLookup, with a vocabulary, padded, or not yet adapted."""
    made, shape = draw(encoded({"num_oov_indices": st.integers(1, 3)}, MODES))
    if draw(st.booleans()):
        made["vocabulary"] = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    if draw(st.booleans()):
        made |= {"max_tokens": 9, "pad_to_max_tokens": draw(st.booleans())}
    return made, shape


@st.composite
def vectorised(draw):
    mode = draw(st.sampled_from(["int", "multi_hot", "count"]))
    made = {"output_mode": mode, "split": draw(st.sampled_from(["whitespace", "character"]))}
    if draw(st.booleans()):
        made["vocabulary"] = draw(st.sampled_from([["a", "b"], ["a", "b", "c"]]))
    if mode == "int":
        made["output_sequence_length"] = draw(st.none() | INTEGERS)
        return made, (draw(BATCH), 1)
    return made, (draw(BATCH),)


@st.composite
def crossed(draw):
    made, shape = draw(encoded({"num_bins": INTEGERS}, ("int", "one_hot"), with_trainable=False))
    other = draw(rarely(st.just((None, 7)), st.just(shape)))
    return made, [shape, other]


# -- images -------------------------------------------------------------------------------------


@st.composite
def images(draw, required=None, optional=None, channels=None):
    """Arguments with a data_format, and a batch of images, or an image, of known batch."""
    made = draw(arguments(required, {"data_format": FORMATS, **(optional or {})}))
    first = made.get("data_format") == "channels_first"
    shape = draw(feature_maps(2, first, channels=channels))
    return made, shape if draw(st.booleans()) else (2, *shape[2:])


def without_format(**required):
    return st.tuples(arguments(required), feature_maps(2, False))


def sized():
    size = st.integers(1, 12)
    return images({"height": size, "width": size})


FACTOR = st.sampled_from([0.0, 0.25, 0.5])
ONE_FACTOR = ("RandomHue", "RandomRotation", "RandomSaturation", "RandomSharpness")
NO_FACTOR = (
    *("AugMix", "CutMix", "MixUp", "RandAugment", "RandomColorJitter", "RandomElasticTransform"),
    *("RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomInvert"),
    *("RandomPerspective", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"),
)


# -- audio, functions, pipelines ------------------------------------------------------------------


@st.composite
def spectrograms(draw):
    length = draw(st.integers(2, 8))
    made, shape = draw(
        on_feature_maps(
            1,
            {
                "frame_length": st.just(length),
                "mode": st.sampled_from(
                    ["log", "magnitude", "psd", "real", "imag", "angle", "stft"]
                ),
            },
            {
                "frame_step": rarely(st.just(length + 1), st.integers(1, length)),
                "fft_length": rarely(st.just(length - 1), st.sampled_from([8, 16, length + 3])),
                "padding": st.sampled_from(["valid", "same"]),
                "expand_dims": st.booleans(),
                "window": st.sampled_from(["hann", "hamming"]),
            },
            low=6,
            high=20,
        )
    )
    return made, shape


@st.composite
def mel_spectrograms(draw):
    stride = draw(st.integers(2, 5))
    made = draw(
        arguments(
            {"sequence_stride": st.just(stride), "fft_length": st.sampled_from([8, 16])},
            {"num_mel_bins": INTEGERS},
        )
    )
    samples = draw(rarely(st.none(), st.integers(1, 40)))
    if samples is not None and (samples + 1) % stride == 0:
        samples += 1  # Keras's symbolic shape has a frame too many: see test_preprocessing.py
    return made, (draw(BATCH), samples) if draw(st.booleans()) else (samples,)


def double(x):
    return x * 2


@st.composite
def functions(draw):
    made, shape = draw(on_any_rank({"function": st.just(double)}))
    if draw(st.booleans()):
        made["output_shape"] = shape[1:]
    return made, shape


@st.composite
def pipelines(draw):
    made = [
        keras.layers.Rescaling(0.5),
        keras.layers.CenterCrop(draw(INTEGERS), 3, data_format="channels_last"),
        keras.layers.RandomFlip(data_format="channels_last"),
    ]
    layers = draw(st.lists(st.sampled_from(made), max_size=3, unique_by=id))
    return {"layers": layers}, draw(feature_maps(2, False))


STRATEGIES = {
    "Discretization": (
        LAYERS,
        st.tuples(BINS, encoded({}, MODES, with_trainable=False)).map(
            lambda both: ({**both[0], **both[1][0]}, both[1][1])
        ),
        SOME,
    ),
    "Hashing": (LAYERS, encoded({"num_bins": st.integers(0, 4)}, MODES), SOME),
    "HashedCrossing": (LAYERS, crossed(), SOME),
    "CategoryEncoding": (LAYERS, encoded({"num_tokens": st.integers(0, 4)}, MODES[1:]), SOME),
    "StringLookup": (LAYERS, looked_up(st.sampled_from("abcdef")), SOME),
    "IntegerLookup": (LAYERS, looked_up(st.integers(1, 9)), SOME),
    "TextVectorization": (LAYERS, vectorised(), SOME),
    "Resizing": (LAYERS, sized(), SOME),
    "CenterCrop": (LAYERS, sized(), SOME),
    "RandomCrop": (LAYERS, sized(), SOME),
    "RandomColorDegeneration": (
        LAYERS,
        images({"factor": FACTOR}, channels=3) | images({"factor": FACTOR}),
        SOME,
    ),
    **{name: (LAYERS, images(), FEW) for name in NO_FACTOR},
    **{name: (LAYERS, images({"factor": FACTOR}), FEW) for name in ONE_FACTOR},
    "RandomPosterization": (LAYERS, images({"factor": st.integers(1, 8)}), FEW),
    "RandomShear": (LAYERS, images({"x_factor": FACTOR}), FEW),
    "RandomZoom": (LAYERS, images({"height_factor": FACTOR}), FEW),
    "RandomTranslation": (LAYERS, images({"height_factor": FACTOR, "width_factor": FACTOR}), FEW),
    "RandomBrightness": (LAYERS, without_format(factor=FACTOR), FEW),
    "RandomContrast": (LAYERS, without_format(factor=FACTOR), FEW),
    "AutoContrast": (LAYERS, without_format(), FEW),
    "Solarization": (LAYERS, without_format(addition_factor=FACTOR), FEW),
    "MaxNumBoundingBoxes": (LAYERS, without_format(max_number=INTEGERS), FEW),
    "STFTSpectrogram": (LAYERS, spectrograms(), MANY),
    "MelSpectrogram": (LAYERS, mel_spectrograms(), SOME),
    "Lambda": (LAYERS, functions(), FEW),
    "Pipeline": (LAYERS, pipelines(), SOME),
}

# A function may do anything, so its MACs are unknown.
COUNTING = {"STFTSpectrogram", "MelSpectrogram", "Lambda"}
