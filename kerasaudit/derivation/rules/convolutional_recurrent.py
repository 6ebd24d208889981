"""Convolutional LSTMs: an LSTM whose products are convolutions, over sequences of feature maps."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, derive_layer, rule
from kerasaudit.derivation.rules.recurrent import (
    CALL,
    LSTM_GATES,
    Inputs,
    outputs_of,
    over_time,
    step_of,
)
from kerasaudit.derivation.seed import seed_state
from kerasaudit.derivation.shape import Shape, repeated, total
from kerasaudit.derivation.weight import Axis, Weight

_LAYERS = {"ConvLSTM1D": 1, "ConvLSTM2D": 2, "ConvLSTM3D": 3}
_CELL = "conv_lstm_cell"


@rule(*_LAYERS, inputs=CALL)
def convolutional_lstm(layer: LayerConfig, x: Inputs) -> Derivation:
    """A convolutional LSTM: each gate is a convolution of the input and one of the last output.

    Formula:  kernel kh·kw·C_in·gate·K, recurrent kernel kh·kw·C_h·gate·K, bias gate·K, with 4 gates
              and C_h = K. ConvLSTM1D has one window axis (k), ConvLSTM3D three (kd, kh, kw).
    Axes:     (kh, kw, C_in, gate·K), (kh, kw, C_h, gate·K), (gate·K), the gates in the order i, f,
              c, o; the unit axes are gate and K: a kernel is one gate of one filter. Named
              "conv_lstm_cell/kernel" and so on.
    Example:  ConvLSTM2D(8, 3) on maps of 16 channels: 3·3·16·4·8 + 3·3·8·4·8 + 4·8 = 6,944.
    Output:   a convolution's of the last step, or of every step with return_sequences; the last
              output and carry besides with return_state.
    MACs:     steps · 4 · (those of the convolution of the input + those of the convolution of the
              state, which has stride 1 and same padding).
    Limits:   all but the batch size and the number of steps must be known, as in Keras; of a
              stateful layer the batch size too.
    Source:   Shi et al. 2015, "Convolutional LSTM network"; Keras conv_lstm.py.
    """
    rank = _LAYERS[layer.class_name]
    layer.expect_rank(x[0], rank + 3)
    layer.choice("padding", "valid", "same")  # a Conv1D would take "causal" too
    step = step_of(x[0])
    if None in step[1:]:
        layer.shape_error("known spatial extents and channels, which shape its state", x[0])
    of_input = _convolution(layer, rank, step)
    (output,) = outputs_of(of_input)
    of_state = _convolution(layer, rank, output, strides=1, padding="same", dilation_rate=1)
    weights = _weights(layer, of_input.weights[0])
    cell = Derivation(
        weights=weights,
        output_shape=(output, output, output),
        macs=repeated(total((of_input.macs, of_state.macs)), LSTM_GATES.extent),
        inner_macs=repeated(of_state.macs, LSTM_GATES.extent),
        state=(seed_state().within(_CELL),),
    )
    return over_time(layer, x, cell)


def _convolution(layer: LayerConfig, rank: int, x: Shape, **other: object) -> Derivation:
    """One gate's convolution of `x`."""
    keys = ("name", "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
    config = {key: layer.config[key] for key in keys if key in layer.config}
    part = {"class_name": f"Conv{rank}D", "config": {**config, **other, "use_bias": False}}
    return derive_layer(LayerConfig(part), (x,))


def _weights(layer: LayerConfig, one_gate: Weight) -> tuple[Weight, ...]:
    """The cell's weights, given the kernel of one gate's convolution of the input."""
    *window, channels, filters = one_gate.axes
    packed, unit = LSTM_GATES * filters, ("gate", "K")
    state = Axis("C_h", filters.extent)
    kernel = Weight(f"{_CELL}/kernel", *window, channels, packed, unit=unit)
    recurrent = Weight(f"{_CELL}/recurrent_kernel", *window, state, packed, unit=unit)
    if not layer.boolean("use_bias", True):
        return (kernel, recurrent)
    return (kernel, recurrent, Weight(f"{_CELL}/bias", packed, unit=unit))
