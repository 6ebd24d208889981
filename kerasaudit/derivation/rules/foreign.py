"""Layers around code that is not Keras's: what they compute is not in their config."""

from __future__ import annotations

from typing import Any

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Shape, is_shape

_FOREIGN = {
    "TFSMLayer": "its weights are in a TensorFlow SavedModel, which its config only points at",
    "TorchModuleWrapper": "its weights are in a PyTorch module, which its config holds pickled",
    "JaxLayer": "its weights are made by a JAX function, which its config does not hold",
    "FlaxLayer": "its weights are made by a Flax module, which its config does not hold",
}


@rule("Lambda", several_inputs=True)
def function(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Calls a Python function. No weights: Keras does not track variables that it closes over.

    Output:   the batch axis and `output_shape`, where the config says it; unknown otherwise, for
              code is not run to be audited.
    MACs:     unknown: the function may do anything.
    Source:   Keras lambda_layer.py.
    """
    declared = layer.get("output_shape")
    return Derivation(output_shape=_with_batch(declared, x[0]), macs=None, activation_macs=None)


def _with_batch(declared: Any, x: Shape) -> Shape | tuple[Shape, ...] | None:
    if not isinstance(declared, (list, tuple)):
        return None  # not said, or itself a function
    if is_shape(declared):
        return (x[0], *declared)
    if declared and all(map(is_shape, declared)):
        return tuple((x[0], *shape) for shape in declared)
    return None


@rule(*_FOREIGN, several_inputs=True)
def foreign(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """A model of another framework inside a Keras layer: not derived, and said so.

    Formula:  none: its weights are not in the config, so no arithmetic can tell them.
    Limits:   register a rule of your own for what it holds, or exempt the layer with a reason.
    Source:   Keras export/tfsm_layer.py, utils/torch_utils.py, utils/jax_layer.py.
    """
    layer.unsupported(f"{_FOREIGN[layer.class_name]}; exempt the layer with a reason")
