"""What a recording is on every backend: hooks on one model in training, and rings to drain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.hooks import Hooks, inner_optimizer, optimizers_of
from kerasaudit.gradients.plan import Plan
from kerasaudit.gradients.ring import Reader

__all__ = ["Count", "Recording", "refuse_clipped_multi_optimizer"]


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of one optimizer's steps.

    `made`: updates by its own `iterations` since the recording began; `calls`: how often it was
    seen to be called; `skipped`: how many of those the loss scale made it skip.
    """

    optimizer: str
    made: int
    calls: int
    skipped: int


class Recording(ABC):
    """Hooks on one model in training, and the rings that they write to.

    A backend says how it hooks (`_hook`), what it has written (`_drain`), and what it has counted
    (`counts`, `_readers`).
    """

    of_fit = True  # it hooks `fit`, rather than being called by a loop of the user's own

    def __init__(self, model: Any, plan: Plan) -> None:
        self.model = model
        self.plan = plan
        self.hooks = Hooks()
        self.loss: Any = None
        self.optimizers: dict[str, Any] = {}
        self._train_function: Any = None  # as it was
        self._recorded_function: Any = None
        # How full a ring may be is reckoned, not read: reading would wait for the device.
        self._executions = 0
        self._calls_each = 1
        self._calls_drained = 0
        self._calibrated = False

    # -- hooks ----------------------------------------------------------------------------------

    def install(self) -> None:
        """Hook the optimizers, and have the training step traced anew."""
        self.optimizers = optimizers_of(self.model)
        self._hook()
        self._train_function = self.model.train_function
        # A function traced before holds no hook: it would go on and record nothing.
        self.model.make_train_function(force=True)
        self._recorded_function = self.model.train_function

    def remove(self) -> None:
        """Put everything back as it was; what was recorded can still be drained."""
        self.hooks.remove()
        if self._recorded_function is not None:
            if self.model.train_function is self._recorded_function:
                self.model.train_function = self._train_function
            self._train_function = self._recorded_function = None

    @property
    def installed(self) -> bool:
        """Whether the hooks are in force, on the optimizers that the model has now."""
        return (
            self._same_optimizers()
            and self._recorded_function is not None
            and self.model.train_function is self._recorded_function
        )

    @property
    def replaced(self) -> bool:
        """Whether the model has other optimizers now; asked before every step, so quick."""
        if self.model.train_function is self._recorded_function:
            return False
        return not self._same_optimizers()

    def _same_optimizers(self) -> bool:
        now = optimizers_of(self.model).values()
        return list(map(id, now)) == list(map(id, self.optimizers.values()))

    @abstractmethod
    def rebase(self) -> None:
        """Take the optimizers' iterations of now as those before the first step.

        A callback may have restored an optimizer after the hooks were set.
        """

    def per_execution(self) -> int:
        """How many steps are recorded in one execution of the train function, at least."""
        return -(-int(self.model.steps_per_execution or 1) // self.plan.every)

    @abstractmethod
    def _hook(self) -> None:
        """Set the hooks, with rings for what they write."""

    # -- the host's side ------------------------------------------------------------------------

    def executed(self) -> bool:
        """Note one execution of the train function; whether the rings must be drained now."""
        self.loss = None
        self._executions += 1
        if not self._calibrated:
            return True
        ahead = (self._executions + 1) * self._calls_each // self.plan.every + 1
        return ahead > min((reader.capacity for reader in self._readers()), default=ahead)

    def drain(self, epoch: int) -> list[Block]:
        """The steps recorded since the last time, in order."""
        blocks = self._drain(epoch)
        calls = max((count.calls for count in self.counts()), default=0)
        if self._executions:
            each = -(-(calls - self._calls_drained) // self._executions)
            self._calls_each = max(self._calls_each, each)
            self._calibrated = True
        self._calls_drained, self._executions = calls, 0
        return blocks

    @abstractmethod
    def _drain(self, epoch: int) -> list[Block]:
        """Read the rings."""

    @abstractmethod
    def counts(self) -> list[Count]:
        """What every optimizer has done."""

    @abstractmethod
    def _readers(self) -> Iterable[Reader]:
        """The readers of all rings."""

    def shortfalls(self) -> list[str]:
        """In words, where what was recorded is not every step that the optimizers made."""
        found = []
        for count in self.counts():
            seen = count.calls - count.skipped
            if count.made != seen:
                found.append(
                    f"{count.optimizer} made {count.made:,} steps, of which {seen:,} were seen"
                )
        known = set(map(id, self.optimizers.values()))
        for name, optimizer in optimizers_of(self.model).items():
            if id(optimizer) in known:
                continue
            iterations = inner_optimizer(optimizer)._iterations  # noqa: SLF001 - Keras gives it no public name
            if int(iterations.value):
                found.append(f"{name} is another one than at first, and its steps were not seen")
        return found

    def losses(self) -> list[str]:
        """In words, what was overwritten in a ring before it was read."""
        return [
            f"{reader.optimizer}: {reader.lost:,} recorded steps ({reader.tap}) were overwritten "
            "before they were read"
            for reader in self._readers()
            if reader.lost
        ]

    def _around_loss(self, compute_loss: Callable[..., Any]) -> Callable[..., Any]:
        """Keep the last loss for the step that it belongs to."""

        def compute_loss_and_note(*args: Any, **kwargs: Any) -> Any:
            self.loss = compute_loss(*args, **kwargs)
            return self.loss

        return compute_loss_and_note


def refuse_clipped_multi_optimizer(plan: Plan, optimizers: dict[str, Any]) -> None:
    """`ConfigError` where the clipped tap is asked for and the clipping is not one place."""
    for name, optimizer in optimizers.items():
        if "clipped" in plan.taps and hasattr(inner_optimizer(optimizer), "_inner_optimizers"):
            raise ConfigError(
                f"taps: 'clipped' cannot be had of {name} (a MultiOptimizer clips in each of its "
                "optimizers); expected 'raw' or 'applied'"
            )
