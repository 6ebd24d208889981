"""The findings of a gradient check: what their codes mean."""

from __future__ import annotations

from kerasaudit.errors import one_line
from kerasaudit.finding import Finding, Kind

__all__ = ["KINDS", "finding"]

_ALL = (
    Kind(
        "KA430",
        "a gradient is wrong",
        "The gradient that the backend's tape has of a weight is not the derivative of the loss: "
        "it differs from central finite differences in float64, and from the gradient that the "
        "chain rule gives, where that is derived.",
        "Training follows the tape. With a wrong gradient it goes somewhere else, often slowly "
        "enough to be taken for a bad learning rate.",
        "'conv/kernel': kernel 3: the tape says 0.412, the derivation and finite differences "
        "-0.412.",
        "Look for a custom_gradient, a stop_gradient or an operation without a derivative in the "
        "layer named or in those right after it. TensorFlow's own gradient of a categorical "
        "cross-entropy is wrong for targets that do not sum to 1.",
    ),
    Kind(
        "KA431",
        "a derived gradient is wrong",
        "The gradient that kerasaudit derives of a weight differs from central finite differences, "
        "with which the tape agrees.",
        "It is kerasaudit that is wrong there, and nothing it derives of this layer can be relied "
        "on.",
        "'dense/kernel': the derivation says 2.0, the tape and finite differences 1.0.",
        "Report it, with the layer's config.",
    ),
    Kind(
        "KA432",
        "a gradient cannot be checked",
        "Of a weight there is only the tape's gradient: none is derived of the layers behind it, "
        "and no copy of the model can be run in float64 for finite differences.",
        "What nothing is compared with may be anything.",
        "layer 'mine' (Mine): no gradient is derived for 'package>Mine'.",
        "Give the layer a get_config, so that it can be made again, or register its gradient with "
        "kerasaudit.backprop.rule.gradient.",
        incomplete=True,
    ),
    Kind(
        "KA433",
        "a forward pass differs",
        "The predictions or the loss that are derived from the model's config are not those of the "
        "model itself, beyond rounding.",
        "The gradients of two different functions cannot be compared.",
        "'net': the loss is 0.71 in Keras and 0.69 as derived.",
        "If the model was changed after it was built (an attribute of a layer set by hand), its "
        "config no longer describes it; else one of the two computes something else than the "
        "layer's documentation says: report it. Keras 3.15 on TensorFlow, for one, adds a bias of "
        "shape (heads, 1) along time where there are as many steps as heads.",
    ),
)

KINDS: dict[str, Kind] = {kind.code: kind for kind in _ALL}


def finding(code: str, path: str, message: str, **figures: str) -> Finding:
    """A finding of a documented kind."""
    # The figures are the finding's own fields, of several types.
    return Finding(code, path, one_line(message, 1000), KINDS[code].incomplete, **figures)  # type: ignore[arg-type]
