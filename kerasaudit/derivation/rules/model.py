"""Models inside layers: a wrapper may hold a whole model."""

from __future__ import annotations

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Shape, total
from kerasaudit.derivation.weight import Weight


@rule("Sequential", "Functional", several_inputs=True)
def model(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """A model that a layer holds, such as TimeDistributed(model): the sum of its layers.

    Formula:  the sum over its layers, each once; a weight is named by its path in the model.
    Example:  Sequential([Dense(4), Dense(2)]) on 3 features: 3·4 + 4 + 4·2 + 2 = 26.
    MACs:     the sum over its calls.
    Limits:   every layer of it must have a rule. A model that is a layer of another one directly
              is not derived by this rule: its layers have rows of their own.
    Source:   Keras sequential.py, functional.py.
    """
    architecture = derive_architecture(layer.serialised, x[0] if len(x) == 1 else x)
    weights: list[Weight] = []
    state: list[Weight] = []
    for part in architecture.layers:
        if part.problems or part.weights is None:
            message = part.problems[0].message if part.problems else f"{part.config}: not derived"
            layer.unsupported(message)
        weights += [weight.within(part.path) for weight in part.weights]
        derivation = part.derivation
        state += [one.within(part.path) for one in (derivation.state if derivation else ())]
    shapes = tuple(shape for shape in architecture.output_shapes if shape is not None)
    calls = [call.derivation for call in architecture.calls]
    return Derivation(
        weights=tuple(weights),
        output_shape=shapes[0] if len(shapes) == 1 else shapes,
        macs=total(call.macs for call in architecture.calls),
        activation_macs=total(one.activation_macs if one else None for one in calls),
        state=tuple(state),
    )
