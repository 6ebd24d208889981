"""Preprocessing layers where Keras's symbolic shape is not what they compute, and what is refused.

The property tests hold derivations to symbolic shapes; here the layers are run.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.rule import derive
from kerasaudit.errors import ConfigError, ShapeError, UnsupportedError
from tests.derivation import live
from tests.derivation.strategies import STRATEGIES, preprocessing


def derived(layer, shape):
    return derive(live.as_json(keras.saving.serialize_keras_object(layer)), shape)


# -- state --------------------------------------------------------------------------------------

REGULARIZATION = (
    *("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "StochasticDepth"),
)


@pytest.mark.parametrize("name", [*preprocessing.STRATEGIES, *REGULARIZATION])
def test_the_state_that_keras_does_not_count(name):
    module, strategy, _ = STRATEGIES[name]

    @live.examples(6)
    @given(strategy)
    def check(pair):
        case = live.Case(name, *pair, module=module)
        try:
            layer = live.construct(case)
            live._call(layer, case.shapes)
            derivation = derived(layer, case.shapes)
        except Exception:  # noqa: BLE001 - what is refused is tested in test_properties.py
            return
        live.compare_state(derivation, layer, case)

    check()


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        (layers.RandAugment(), 10),
        (layers.AugMix(), 10),
        (layers.AugMix(all_ops=False), 6),
        (layers.RandomColorJitter(hue_factor=0.1, contrast_factor=0.1), 3),
        (layers.Pipeline([layers.RandomFlip(), layers.RandomCrop(4, 4), layers.Dropout(0.5)]), 3),
        (layers.Dropout(0), 0),
        (layers.Dropout(0.5), 1),
    ],
)
def test_how_many_generators_a_layer_holds(layer, count):
    assert len(derived(layer, (None, 8, 8, 3)).state) == count
    assert len(layer.variables) == count


@pytest.mark.parametrize("rate", [-0.1, 1.5, "a", [0.5]])
def test_a_rate_is_a_number_between_0_and_1(rate):
    with pytest.raises(ConfigError, match="rate must be a number between 0 and 1"):
        derive({"class_name": "Dropout", "config": {"rate": rate}}, (None, 4))


# -- shapes, on data ------------------------------------------------------------------------------


ENCODERS = {
    "Discretization": lambda mode: layers.Discretization([0.0, 1.0], output_mode=mode),
    "Hashing": lambda mode: layers.Hashing(4, output_mode=mode),
    "CategoryEncoding": lambda mode: layers.CategoryEncoding(4, output_mode=mode),
    "IntegerLookup": lambda mode: layers.IntegerLookup(vocabulary=[1, 2], output_mode=mode),
}


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("name", ENCODERS)
def test_encoded_shapes_are_those_that_the_layer_computes(name, mode):
    layer = ENCODERS[name](mode)
    for shape in ((6,), (6, 1), (6, 3), (6, 2, 1), (6, 2, 5)):
        real = layer(np.zeros(shape, "int32")).shape
        assert derived(layer, shape).output_shape == tuple(real), shape


@pytest.mark.parametrize("length", [None, 5])
@pytest.mark.parametrize("split", ["whitespace", None])
@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_texts_are_vectorised_to_the_shapes_that_the_layer_computes(mode, split, length):
    arguments = {"output_sequence_length": length} if mode == "int" else {}
    layer = layers.TextVectorization(
        vocabulary=["a", "b"], output_mode=mode, split=split, **arguments
    )
    for shape in ((6,), (6, 1), (6, 2)):
        if split is not None and shape == (6, 2):
            continue  # refused: one text a row
        real = layer(np.full(shape, "a b a")).shape
        ours = derived(layer, shape).output_shape
        assert len(ours) == len(real), shape
        assert all(one is None or one == other for one, other in zip(ours, real, strict=True))


def test_a_text_is_one_a_row():
    with pytest.raises(ShapeError, match="a text a row"):
        derive({"class_name": "TextVectorization", "config": {}}, (None, 3))


@pytest.mark.parametrize("name", ENCODERS)
def test_the_rank_of_one_hot_codes_of_an_unknown_extent_is_unknown(name):
    assert derived(ENCODERS[name]("one_hot"), (None, None)).output_shape is None


def test_tokens_are_unknown_before_a_vocabulary_is():
    bag = layers.TextVectorization(output_mode="count")
    assert derived(bag, (None, 1)).output_shape == (None, None)
    bag.adapt(np.array(["a b c"]))
    assert derived(bag, (None, 1)).output_shape == (None, 4)  # a, b, c and the unknown one


@live.examples(30)
@given(st.integers(1, 6), st.integers(8, 40), st.integers(6, 9))
def test_frames_of_a_mel_spectrogram_are_those_that_are_computed(stride, samples, size):
    layer = layers.MelSpectrogram(fft_length=size, sequence_stride=stride, num_mel_bins=3)
    real = layer(np.ones((2, samples), "float32")).shape
    assert derived(layer, (2, samples)).output_shape == tuple(real)


@live.examples(12)
@given(st.integers(2, 8), st.integers(1, 2), st.integers(8, 20), st.integers(1, 3))
def test_a_spectrogram_multiplies_each_frame_by_each_kernel(length, step, samples, channels):
    layer = layers.STFTSpectrogram("stft", length, step, fft_length=8)
    frames = len(range(0, samples - length + 1, step))
    # L samples by 8 / 2 + 1 frequencies, once for the real and once for the imaginary part
    products = frames * channels * length * 5 * 2
    assert derived(layer, (None, samples, channels)).macs == products


def test_images_with_labels_come_out_as_they_came():
    inputs = {"images": keras.Input((8, 8, 3)), "labels": keras.Input((4,))}
    model = keras.Model(inputs, layers.RandomFlip()(inputs))
    architecture = derive_architecture(live.as_json({"class_name": "Functional", **config(model)}))
    assert not [layer.problems for layer in architecture.layers if layer.problems]
    assert architecture.output_shapes == ((None, 8, 8, 3), (None, 4))


def test_which_of_several_inputs_are_images_is_not_known():
    shapes = {"images": (None, 8, 8, 3), "labels": (None, 4)}
    for name in ("Resizing", "CenterCrop", "RandomCrop"):
        config = {"class_name": name, "config": {"height": 4, "width": 4}}
        assert derive(config, shapes).output_shape is None


def config(model):
    return {"config": keras.saving.serialize_keras_object(model)["config"]}


def test_a_function_has_the_shape_that_it_declares_and_unknown_macs():
    declared = {"class_name": "Lambda", "config": {"output_shape": [5, None]}}
    several = {"class_name": "Lambda", "config": {"output_shape": [[5], [6, 7]]}}
    computed = {"class_name": "Lambda", "config": {"output_shape": {"class_name": "__lambda__"}}}
    assert derive(declared, (None, 3)).output_shape == (None, 5, None)
    assert derive(several, (None, 3)).output_shape == ((None, 5), (None, 6, 7))
    assert derive(computed, (None, 3)).output_shape is None
    assert derive(declared, (None, 3)).macs is None


def test_a_pipeline_is_the_sum_of_its_layers():
    dense = [{"class_name": "Dense", "config": {"name": n, "units": 2}} for n in "ab"]
    derivation = derive({"class_name": "Pipeline", "config": {"layers": dense}}, (None, 3))
    assert [w.name for w in derivation.weights] == ["a/kernel", "a/bias", "b/kernel", "b/bias"]
    assert derivation.params == 3 * 2 + 2 + 2 * 2 + 2
    assert derivation.macs == 3 * 2 + 2 * 2
    unknown = {"class_name": "Lambda", "config": {"name": "f"}}
    with pytest.raises(UnsupportedError, match="the output of Lambda in it is not known"):
        derive({"class_name": "Pipeline", "config": {"layers": [unknown, dense[0]]}}, (None, 3))
    with pytest.raises(ConfigError, match="one layer or more"):
        derive({"class_name": "Pipeline", "config": {"layers": []}}, (None, 3))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("TFSMLayer", "SavedModel"),
        ("TorchModuleWrapper", "PyTorch module"),
        ("JaxLayer", "JAX function"),
        ("FlaxLayer", "Flax module"),
    ],
)
def test_another_frameworks_model_is_unsupported_and_says_why(name, reason):
    with pytest.raises(UnsupportedError, match=reason):
        derive({"class_name": name, "config": {"name": "outside"}}, (None, 3))
