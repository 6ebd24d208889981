"""The fixtures: audit a model in a test of your own, hold it to figures, check its gradients.

def test_net(audit_model):
    audit_model(net()).matches(params=34_826, layers={"conv2d": 320}).within(max_macs="5M")

def test_backward(check_gradients):
    check_gradients(net(), x, y, loss="mse")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from kerasaudit.pytest_plugin.records import RECORDS

if TYPE_CHECKING:
    from kerasaudit.backprop.check_result import GradientCheck
    from kerasaudit.reconciliation.result import Audit

__all__ = ["AuditModel", "AuditedModel", "CheckGradients", "audit_model", "check_gradients"]


@pytest.fixture
def audit_model(request: pytest.FixtureRequest) -> AuditModel:
    """Audits a model and fails unless it is clean; hold it with `.matches()`, `.within()`."""
    return AuditModel(request)


@pytest.fixture
def check_gradients() -> CheckGradients:
    """Checks every gradient of a model, called with it, x and y, and fails if one is wrong."""
    return CheckGradients()


class AuditModel:
    """What the fixture `audit_model` gives: called with a target, it audits it."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._records = request.config.stash[RECORDS]
        self._root = request.config.rootpath
        self._test = request.node.nodeid
        self._number = 0

    def __repr__(self) -> str:
        return "<fixture audit_model>"  # pytest shows it above a failure

    def __call__(
        self, target: object, input_shape: object = None, *, check: bool = True, **options: Any
    ) -> AuditedModel:
        """Audit the target and fail the test unless it is clean.

        A target that is a name ("models/net.py::net") is held to what the project's settings ask of
        it, as on the command line: its budgets, exemptions, severities and limits.

        Args:
            target: whatever `kerasaudit.audit` takes: a model, a builder, a config, a name.
            input_shape: the input shape to derive with.
            check: whether to fail if something is wrong; with `False` that is left to the test.
            options: the other arguments of `kerasaudit.audit`; they go before the settings.

        Raises:
            AssertionError: the audit is not clean.
            TargetError, ConfigError: it cannot be audited, or the settings cannot be read.
        """
        __tracebackhide__ = True
        from kerasaudit.errors import KerasAuditError
        from kerasaudit.pytest_plugin.asked import audit_asked
        from kerasaudit.reconciliation.result import Failure

        self._number += 1
        key = f"{self._test} {self._number}"
        try:
            made = audit_asked(target, input_shape, options, self._root)
        except KerasAuditError as error:
            self._records.note(key, Failure(str(target), str(error)))
            raise error.with_traceback(None) from None  # one line, and no frames of ours
        self._records.note(key, made)
        audited = AuditedModel(made)
        return audited.is_clean() if check else audited


@dataclass(frozen=True, slots=True)
class AuditedModel:
    """An audit to make assertions on; each gives it back, so that they can be chained.

    >>> import kerasaudit as ka
    >>> config = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 28, 28, 1]}},
    ...     {"class_name": "Conv2D", "config": {"name": "conv", "filters": 32, "kernel_size": 3}},
    ... ]}}
    >>> audited = AuditedModel(ka.audit(config)).is_clean()
    >>> audited.matches(params=320, layers={"conv": "3·3·1·32 + 32"}).audit.totals.macs
    194688
    >>> audited.within(max_params=300)
    Traceback (most recent call last):
    AssertionError: net takes more than it may
      budget of 300 parameters: the model has 320, 20 over it (6.7%)
        largest: conv  kh·kw·C_in·K + K = 3·3·1·32 + 32 = 320
    """

    audit: Audit

    def is_clean(self) -> AuditedModel:
        """Fail unless everything was audited and nothing is wrong.

        Raises:
            AssertionError: something is; the message says what, with the working.
        """
        __tracebackhide__ = True
        if not self.audit.ok:
            from kerasaudit.pytest_plugin.failures import not_clean

            raise AssertionError(not_clean(self.audit))
        return self

    def matches(
        self,
        *,
        params: int | str | None = None,
        trainable_params: int | str | None = None,
        non_trainable_params: int | str | None = None,
        macs: int | str | None = None,
        layers: Mapping[str, int | str] | None = None,
    ) -> AuditedModel:
        """Fail unless the figures are these: of the model, and the parameters of its layers.

        A figure is a number, one rounded as sources write it ("25.6M"), or its working
        ("3·3·1·32 + 32").

        Raises:
            AssertionError: a figure is another, or is not known.
            ConfigError: nothing is asked.
        """
        __tracebackhide__ = True
        from kerasaudit.pytest_plugin.asserting import figures_differ

        figures = {
            "params": params,
            "trainable_params": trainable_params,
            "non_trainable_params": non_trainable_params,
            "macs": macs,
        }
        message = figures_differ(self.audit, figures, layers or {})
        if message:
            raise AssertionError(message)
        return self

    def within(
        self,
        layer: str | None = None,
        *,
        max_params: int | str | None = None,
        max_trainable_params: int | str | None = None,
        max_macs: int | str | None = None,
        max_bytes: int | str | None = None,
        max_activation_bytes: int | str | None = None,
        max_peak_activation_bytes: int | str | None = None,
    ) -> AuditedModel:
        """Fail if the model takes more than this: "5M" parameters, "20MiB" of weights.

        Args:
            layer: the path or pattern of the layers that it is for, each by itself; of the model as
                a whole otherwise.
            max_params: the most parameters; the others likewise, as in `kerasaudit.Budget`.
            max_trainable_params: of those that are trained.
            max_macs: per example.
            max_bytes: of the weights.
            max_activation_bytes: of all that the layers hand on, per example.
            max_peak_activation_bytes: of what is alive at once.

        Raises:
            AssertionError: it takes more, or what it takes is not known.
            ConfigError: a limit is no number, or none is given.
        """
        __tracebackhide__ = True
        from kerasaudit.pytest_plugin.asserting import budgets_broken

        limits = {
            "params": max_params,
            "trainable_params": max_trainable_params,
            "macs": max_macs,
            "bytes": max_bytes,
            "activation_bytes": max_activation_bytes,
            "peak_activation_bytes": max_peak_activation_bytes,
        }
        message = budgets_broken(self.audit, layer, limits)
        if message:
            raise AssertionError(message)
        return self


class CheckGradients:
    """What the fixture `check_gradients` gives: `kerasaudit.check_gradients` as an assertion."""

    def __repr__(self) -> str:
        return "<fixture check_gradients>"

    def __call__(
        self, target: Any, x: Any, y: Any = None, *, check: bool = True, **options: Any
    ) -> GradientCheck:
        """Check every gradient of a model or layer, and fail the test if one is wrong.

        Args:
            target: a built model, or a single layer.
            x: what it is called with.
            y: the targets.
            check: whether to fail if something is wrong; with `False` that is left to the test.
            options: the other arguments of `kerasaudit.check_gradients`.

        Raises:
            AssertionError: a gradient is wrong, or could not be checked.
            TargetError, ConfigError, UnsupportedError: it cannot be run.
        """
        __tracebackhide__ = True
        from kerasaudit.backprop.check import check_gradients as check_all
        from kerasaudit.errors import KerasAuditError

        try:
            checked = check_all(target, x, y, **options)
        except KerasAuditError as error:
            raise error.with_traceback(None) from None
        if check and not checked.ok:
            from kerasaudit.pytest_plugin.failures import gradients_wrong

            raise AssertionError(gradients_wrong(checked))
        return checked
