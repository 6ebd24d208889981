"""Recurrent layers: cells, and the layers that apply a cell to every step of a sequence.

A cell takes one step of a sequence (d features) and its own last output (h of them, which are its
u units), and has a kernel for each. A cell with gates packs them side by side: the kernels' last
axis is gate·u, and a kernel in this project's sense is one gate of one unit.

MACs, for all of them: at each step every element of the kernel and of the recurrent kernel is used
once. A layer multiplies that by its steps; where their number is unknown, so are the MACs. (A graph
that TensorFlow traces may run the cell once more: that is how it finds out the output's shape.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from kerasaudit.derivation.layer import LayerConfig, automatic_name
from kerasaudit.derivation.rule import Derivation, derive_part, find_rule, rule
from kerasaudit.derivation.seed import seed_state
from kerasaudit.derivation.shape import Shape, compatible, repeated, total
from kerasaudit.derivation.weight import Axis, Dimension, Weight

__all__ = ["CALL", "LSTM_GATES", "Inputs", "held_layer", "outputs_of", "over_time", "step_of"]

_CELLS = ("SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells")
LSTM_GATES = Axis("gate", 4, ("i", "f", "c", "o"))
_GRU_GATES = Axis("gate", 3, ("z", "r", "h"))

# The arguments of a recurrent layer's call, and of a cell's. Of several states the first is given.
CALL = ("sequences", "initial_state")
_CELL_CALL = ("inputs", "states")
Inputs = tuple[Shape, Shape | None]


# -- cells ------------------------------------------------------------------------------------


@rule("SimpleRNNCell", inputs=_CELL_CALL)
def simple_rnn_cell(layer: LayerConfig, x: Inputs) -> Derivation:
    """One step of a fully connected recurrence: a dense layer of the input and the last output.

    Formula:  kernel d·u, recurrent kernel h·u, bias u, where h = u: its own last output.
    Axes:     (d, u), (h, u), (u); the unit axis is u.
    Example:  SimpleRNNCell(32) on 16 features: 16·32 + 32·32 + 32 = 1,568.
    Output:   (batch, u), and the new state, which is the same.
    MACs:     the elements of both kernels.
    Limits:   d must be known.
    Source:   Elman 1990, "Finding structure in time"; Keras simple_rnn.py.
    """
    return _cell(layer, x, None)


@rule("LSTMCell", inputs=_CELL_CALL)
def lstm_cell(layer: LayerConfig, x: Inputs) -> Derivation:
    """One step of an LSTM: four gates, each with a kernel of the input and of the last output.

    Formula:  kernel d·gate·u, recurrent kernel h·gate·u, bias gate·u, with 4 gates and h = u.
    Axes:     (d, gate·u), (h, gate·u), (gate·u), the gates in the order i (input), f (forget),
              c (candidate), o (output); the unit axes are gate and u.
    Example:  LSTMCell(64) on 128 features: 128·4·64 + 64·4·64 + 4·64 = 49,408.
    Output:   (batch, u), and the new states: the output and the carry, of the same shape.
    MACs:     the elements of both kernels.
    Limits:   d must be known. unit_forget_bias changes where the biases start, not their number.
    Source:   Hochreiter & Schmidhuber 1997; Gers et al. 2000 (the forget gate); Keras lstm.py.
    """
    return _cell(layer, x, LSTM_GATES, states=2)


@rule("GRUCell", inputs=_CELL_CALL)
def gru_cell(layer: LayerConfig, x: Inputs) -> Derivation:
    """One step of a GRU: three gates, each with a kernel of the input and of the last output.

    Formula:  kernel d·gate·u, recurrent kernel h·gate·u, with 3 gates and h = u; bias 2·gate·u
              with reset_after (the default: one of the input, one of the last output), else gate·u.
    Axes:     (d, gate·u), (h, gate·u), (2, gate·u) or (gate·u), the gates in the order z (update),
              r (reset), h (candidate); the unit axes are gate and u.
    Example:  GRUCell(64) on 128 features: 128·3·64 + 64·3·64 + 2·3·64 = 37,248; with
              reset_after=False, 128·3·64 + 64·3·64 + 3·64 = 37,056.
    Output:   (batch, u), and the new state, which is the same.
    MACs:     the elements of both kernels.
    Limits:   d must be known.
    Source:   Cho et al. 2014 (the reset gate before the product; v3 of the paper puts it after, as
              cuDNN does: reset_after); Keras gru.py.
    """
    sides = (Axis("2", 2, ("input", "recurrent")),) if layer.boolean("reset_after", True) else ()
    return _cell(layer, x, _GRU_GATES, bias=sides)


def _cell(
    layer: LayerConfig,
    x: Inputs,
    gates: Axis | None,
    *,
    states: int = 1,
    bias: tuple[Axis, ...] = (),
) -> Derivation:
    """A cell of `gates` with so many states; the axes `bias` stand before those of its bias."""
    step, state = x
    layer.expect_rank(step, 2)
    features, units = Axis("d", layer.extent(step, -1)), Axis("u", layer.integer("units"))
    packed: Axis | Dimension = units if gates is None else gates * units
    unit = tuple(axis.symbol for axis in packed.axes)
    kernel = Weight("kernel", features, packed, unit=unit)
    recurrent = Weight("recurrent_kernel", Axis("h", units.extent), packed, unit=unit)
    biases = (Weight("bias", *bias, packed, unit=unit),) if layer.boolean("use_bias", True) else ()
    output = (step[0], units.extent)
    _expect_state(layer, state, output)
    return Derivation(
        weights=(kernel, recurrent, *biases),
        output_shape=(output,) * (1 + states),
        macs=kernel.count + recurrent.count,
        inner_macs=recurrent.count,  # the state is what the step before it made
        state=(seed_state(),),  # held whatever the dropout
    )


@rule("StackedRNNCells", inputs=_CELL_CALL)
def stacked_cells(layer: LayerConfig, x: Inputs) -> Derivation:
    """Cells one upon the other: each takes the output of the one below it.

    Formula:  the sum over its cells; a weight is named by its cell, "lstm_cell/kernel".
    Example:  LSTMCell(3) and GRUCell(4) on 5 features: 5·4·3 + 3·4·3 + 4·3 = 108, and
              3·3·4 + 4·3·4 + 2·3·4 = 108.
    Output:   the last cell's output, and the new states of all cells in order.
    MACs:     the sum over its cells.
    Limits:   every cell must have a rule that says what it puts out.
    Source:   Keras stacked_rnn_cells.py.
    """
    cells = layer.get("cells")
    if not isinstance(cells, (list, tuple)) or not cells:
        layer.fail(f"cells must be a list of serialised cells, received {cells!r:.80}")
    below, state = x
    parts, states = [], []
    for cell in cells:
        _refuse_others(layer, "cells", cell, _CELLS)
        part = derive_part(layer, cell, below)
        output, *new = outputs_of(part)
        if output is None:
            layer.unsupported("it is not known what one of its cells puts out")
        parts.append(part)
        states += new
        below = output
    if states:
        _expect_state(layer, state, states[0])
    return Derivation(
        weights=tuple(weight for part in parts for weight in part.weights),
        output_shape=(below, *states),
        macs=total(part.macs for part in parts),
        activation_macs=total(part.activation_macs for part in parts),
        state=tuple(one for part in parts for one in part.state),
    )


# -- layers -----------------------------------------------------------------------------------


@rule("SimpleRNN", inputs=CALL)
def simple_rnn(layer: LayerConfig, x: Inputs) -> Derivation:
    """A fully connected recurrent layer: at each step a dense layer of input and last output.

    Formula:  kernel d·u, recurrent kernel h·u, bias u, where h = u: its own last output.
    Axes:     (d, u), (h, u), (u); the unit axis is u. Named "simple_rnn_cell/kernel" and so on.
    Example:  SimpleRNN(32) on steps of 16 features: 16·32 + 32·32 + 32 = 1,568.
    Output:   (batch, u); (batch, steps, u) with return_sequences; the state besides with
              return_state.
    MACs:     steps · (kernel + recurrent kernel elements).
    Limits:   d must be known; of a stateful layer the batch size too.
    Source:   Elman 1990, "Finding structure in time"; Keras simple_rnn.py.
    """
    return _layer_of("SimpleRNNCell", layer, x)


@rule("LSTM", inputs=CALL)
def lstm(layer: LayerConfig, x: Inputs) -> Derivation:
    """An LSTM: at each step four gates of input and last output decide what is kept.

    Formula:  kernel d·gate·u, recurrent kernel h·gate·u, bias gate·u, with 4 gates and h = u.
    Axes:     (d, gate·u), (h, gate·u), (gate·u), the gates in the order i (input), f (forget),
              c (candidate), o (output); the unit axes are gate and u: a kernel is one gate of one
              unit. Named "lstm_cell/kernel" and so on.
    Example:  LSTM(64) on steps of 128 features: 128·4·64 + 64·4·64 + 4·64 = 49,408.
    Output:   (batch, u); (batch, steps, u) with return_sequences; output and carry of the last
              step besides with return_state.
    MACs:     steps · (kernel + recurrent kernel elements): 200·49152 = 9,830,400 over 200 steps.
    Limits:   d must be known; of a stateful layer the batch size too.
    Source:   Hochreiter & Schmidhuber 1997; Gers et al. 2000 (the forget gate); Keras lstm.py.
    """
    return _layer_of("LSTMCell", layer, x)


@rule("GRU", inputs=CALL)
def gru(layer: LayerConfig, x: Inputs) -> Derivation:
    """A GRU: at each step three gates of input and last output mix the old state and a new one.

    Formula:  kernel d·gate·u, recurrent kernel h·gate·u, with 3 gates and h = u; bias 2·gate·u
              with reset_after (the default: one of the input, one of the last output), else gate·u.
    Axes:     (d, gate·u), (h, gate·u), (2, gate·u) or (gate·u), the gates in the order z (update),
              r (reset), h (candidate); the unit axes are gate and u: a kernel is one gate of one
              unit. Named "gru_cell/kernel" and so on.
    Example:  GRU(64) on steps of 128 features: 128·3·64 + 64·3·64 + 2·3·64 = 37,248.
    Output:   (batch, u); (batch, steps, u) with return_sequences; the state besides with
              return_state.
    MACs:     steps · (kernel + recurrent kernel elements).
    Limits:   d must be known; of a stateful layer the batch size too.
    Source:   Cho et al. 2014 (v3 for reset_after); Keras gru.py.
    """
    return _layer_of("GRUCell", layer, x)


def _layer_of(cell: str, layer: LayerConfig, x: Inputs) -> Derivation:
    """A layer that makes its cell itself, from its own config."""
    layer.expect_rank(x[0], 3)
    config = {**layer.config, "name": automatic_name(cell)}
    part = {"module": "keras.layers", "class_name": cell, "config": config}
    return over_time(layer, x, derive_part(layer, part, step_of(x[0])))


@rule("RNN", inputs=CALL)
def rnn(layer: LayerConfig, x: Inputs) -> Derivation:
    """Any cell, or a stack of them, applied to every step of a sequence.

    Formula:  that of its cell; a weight is named by its cell, "lstm_cell/kernel", in a stack
              "stacked_rnn_cells/lstm_cell/kernel".
    Example:  RNN(LSTMCell(64)) on steps of 128 features: 128·4·64 + 64·4·64 + 4·64 = 49,408.
    Output:   the cell's output at the last step, or at every step with return_sequences; its
              states besides with return_state.
    MACs:     steps · the cell's.
    Limits:   a cell of your own needs a rule; for return_state it must give the shapes of the
              states after that of the output.
    Source:   Keras rnn.py.
    """
    layer.expect_rank(x[0], 3, or_more=True)
    cells = layer.get("cell")
    if isinstance(cells, (list, tuple)):  # as they may be passed; Keras writes down the stack
        part: Mapping[str, Any] = {"class_name": "StackedRNNCells", "config": {"cells": cells}}
    else:
        part = held_layer(layer, "cell", *_CELLS)
    return over_time(layer, x, derive_part(layer, part, step_of(x[0])))


def step_of(sequence: Shape) -> Shape:
    """The shape of one step: the sequence's without its time axis."""
    return (sequence[0], *sequence[2:])


def over_time(layer: LayerConfig, x: Inputs, cell: Derivation) -> Derivation:
    """What a layer is that applies `cell`, derived for one step, to every step of a sequence."""
    sequence, initial_state = x
    output, *states = outputs_of(cell)
    if states:
        _expect_state(layer, initial_state, states[0])
    if output is not None and layer.boolean("return_sequences", False):
        output = (output[0], sequence[1], *output[1:])
    returned: Shape | tuple[Shape, ...] | None = output
    if layer.boolean("return_state", False):
        if not states:
            layer.unsupported("return_state: the rule of its cell gives no shapes of states")
        returned = (output, *states) if output is not None else None
    return Derivation(
        weights=cell.weights,
        output_shape=returned,
        macs=repeated(cell.macs, sequence[1]),
        activation_macs=repeated(cell.activation_macs, sequence[1]),
        inner_macs=repeated(cell.inner_macs, sequence[1]),
        state=(*cell.state, *_kept_states(layer, sequence, states)),
    )


def outputs_of(derivation: Derivation) -> tuple[Any, ...]:
    """The shapes of what a layer puts out, one or several; `None` for one that is not known."""
    shape = derivation.output_shape
    several = bool(shape) and isinstance(cast("Shape", shape)[0], tuple)
    return cast("tuple[Shape, ...]", shape) if several else (shape,)


def held_layer(layer: LayerConfig, key: str, *classes: str) -> Mapping[str, Any]:
    """The serialised layer under `key`: of Keras's own only one of `classes`."""
    part = layer.part(key)
    _refuse_others(layer, key, part, classes)
    return part


def _refuse_others(layer: LayerConfig, key: str, part: Any, classes: tuple[str, ...]) -> None:
    inner = LayerConfig(part)
    if find_rule(inner).built_in and inner.class_name not in classes:
        layer.fail(f"{key} must be one of {', '.join(classes)}, received {inner.class_name}")


def _expect_state(layer: LayerConfig, given: Shape | None, expected: Shape) -> None:
    if given is not None and not compatible(given[1:], expected[1:]):
        layer.shape_error(f"a first state of shape {expected}", given)


def _kept_states(layer: LayerConfig, sequence: Shape, states: list[Shape]) -> tuple[Weight, ...]:
    """The states that a stateful layer keeps from batch to batch; Keras tracks them nowhere.

    Each is of a fixed number of examples: a batch of another size does not fit.
    """
    if not layer.boolean("stateful", False):
        return ()
    if sequence[0] is None or any(None in state for state in states):
        layer.shape_error("a known batch size: it is stateful", sequence)
    return tuple(
        _kept_state(cast("tuple[int, ...]", state), layer.variable_dtype) for state in states
    )


def _kept_state(shape: tuple[int, ...], dtype: str) -> Weight:
    axes = [Axis(f"S{number}" if number else "B", extent) for number, extent in enumerate(shape)]
    return Weight("rnn_state", *axes, trainable=False, dtype=dtype)
