"""What Keras saves, audited without it, against the audit of the live model.

Each layer and each weight: derived, held, shape and dtype. KERASAUDIT_EXAMPLES multiplies the
number of examples.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from tests.derivation import adaptable, live
from tests.derivation.graphs import Grower
from tests.derivation.strategies import STRATEGIES
from tests.observation.saved import assert_same, audits, found

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]


def functional(layer, shapes):
    """A model of the one layer, called as a case of the strategies says."""
    if isinstance(layer, layers.InputLayer):
        return keras.Model(layer.output, layer.output)
    inputs = keras.tree.map_shape_structure(lambda shape: keras.Input(batch_shape=shape), shapes)
    if isinstance(inputs, dict):
        (_, first), *others = inputs.items()
        output = layer(first, **dict(others))
    else:
        output = layer(inputs)
    return keras.Model(keras.tree.flatten(inputs), output)


# -- layers by themselves -----------------------------------------------------------------------


@pytest.mark.parametrize("class_name", sorted(set(STRATEGIES) - {"Wrapper"}))
def test_a_layer_of_every_class(class_name):
    module, strategy, _ = STRATEGIES[class_name]
    saved = []

    @live.examples(3)
    @given(pair=strategy)
    def agrees(pair):
        case = live.Case(class_name, *pair, module=module)
        try:
            model = functional(live.construct(case), case.shapes)
        except Exception:  # noqa: BLE001 - the strategies hold configurations that Keras refuses
            return
        saved.append(assert_same(model))

    agrees()
    assert saved, "Keras refused every example"


ADAPTABLE = adaptable.dense() | adaptable.einsums() | adaptable.embeddings()
MODES = st.sampled_from(["int8", "int4", "int4/-1", "int4/2", "float8"])


@live.examples(40)
@given(ADAPTABLE, MODES, st.integers(0, 3))
def test_layers_quantised_and_adapted(kind, mode, rank):
    layer = adaptable.built(kind)
    name, _, block = mode.partition("/")
    if name == "float8" and (kind[0] != "Dense" or rank):
        return  # Keras refuses to quantise it, or to save it
    if block:
        size = None if block == "-1" else int(block)
        layer.quantize(config=keras.quantizers.Int4QuantizationConfig(block_size=size))
    else:
        layer.quantize(name)
    if rank:
        layer.enable_lora(rank)
    assert_same(functional(layer, kind[2]))


@live.examples(20)
@given(adaptable.dense() | adaptable.einsums() | adaptable.convolutions(), st.integers(1, 3))
def test_layers_adapted(kind, rank):
    layer = adaptable.built(kind)
    layer.enable_lora(rank)
    audit = assert_same(functional(layer, kind[2]))
    assert audit.totals.adapter


@live.examples(30)
@given(
    adaptable.dense() | adaptable.einsums(),
    st.sampled_from(["int8", "int4/2", "int4/-1", "float8"]),
    st.sampled_from(["float32", "mixed_bfloat16", "bfloat16"]),
)
def test_layers_with_a_quantised_policy(kind, mode, source):
    assert_same(functional(adaptable.built(kind, dtype=f"{mode}_from_{source}"), kind[2]))


@pytest.mark.parametrize("mode", ["gptq/4/2", "gptq/8/-1", "awq/4/2"])
def test_keras_forgets_the_zero_points_of_kernels_packed_by_data(mode):
    """Nor can it load such a file; the legacy one holds all, for it lists what there is."""
    inputs = keras.Input((4, 9))
    outputs = layers.Dense(7, name="dense", dtype=f"{mode}_from_float32")(inputs)
    outputs = layers.MultiHeadAttention(2, 3, name="mha", dtype=f"{mode}_from_float32")(
        outputs, outputs
    )
    model = keras.Model(inputs, outputs)
    assert assert_same(model, ("h5",)).ok
    size = int(mode.rpartition("/")[2])
    groups = (
        {7: -(-7 // size), 9: -(-9 // size), 6: 6 // size}
        if size > 0
        else dict.fromkeys((7, 9, 6), 1)
    )
    parts = [f"{part}/zero_point" for part in ("query", "key", "value")]
    expected = [
        ("KA102", "dense", -7 * groups[9]),
        *(("KA102", "mha", -2 * 3 * groups[7]) for _ in parts),
        ("KA102", "mha", -7 * groups[6]),
    ]
    for form in ("keras", "weights.h5"):
        audit = audits(model, (form,))[form]
        assert found(audit) == sorted(expected), form
    with pytest.raises(ValueError, match="could not be loaded"), TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        keras.saving.load_model(path)


# -- models -------------------------------------------------------------------------------------


@live.examples(40)
@given(st.data())
def test_generated_graphs(data):
    assert_same(Grower(data.draw).model())


@live.examples(10)
@given(st.data(), st.sampled_from(["float16", "mixed_float16", "bfloat16", "mixed_bfloat16"]))
def test_generated_graphs_in_another_dtype(data, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        assert_same(Grower(data.draw).model())
    finally:
        keras.config.set_dtype_policy(before)


@live.examples(10)
@given(st.data(), st.sampled_from(["int8", "int4"]))
def test_generated_graphs_quantised_as_a_whole(data, mode):
    model = Grower(data.draw).model()
    model.quantize(mode)
    assert_same(model)
