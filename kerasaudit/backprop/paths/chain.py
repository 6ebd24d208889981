"""Taking a model apart into stages: a stack of layers, each fed by the one before, run in NumPy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasaudit.backprop.network import Network, Run, forward, read_network
from kerasaudit.backprop.paths.notation import OUTPUT, Name, names_of
from kerasaudit.backprop.paths.stage import Applied, Stage, find_family
from kerasaudit.backprop.rule import Array, Mode, apply_layer
from kerasaudit.derivation.architecture import Call, Source
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.errors import ConfigError, ShapeError, UnsupportedError

__all__ = ["Chain", "chain_of"]


@dataclass(frozen=True, slots=True)
class Chain:
    """A model as a stack of stages over a batch, first to last.

    `names` are those of the stages' outputs, the last one's ŷ; `plain` what they would be called
    if none were the last, which is what weights are numbered by. `run` is the forward pass, and
    `output` where in it the model's output is.
    `penalised` are the weights that a regularizer adds to the loss.
    """

    model: str
    inputs: Array
    stages: tuple[Stage, ...]
    names: tuple[Name, ...]
    plain: tuple[Name, ...]
    run: Run
    output: Source
    penalised: frozenset[str]

    @property
    def outputs(self) -> Array:
        """What the model gives."""
        return self.stages[-1].outputs

    def at(self, weight: str) -> tuple[int, str]:
        """The stage that holds a weight, and the weight's name there.

        Raises:
            ConfigError: there is no such weight; the message names those there are.
        """
        # Keras's own path of a variable may have the model's name in front.
        path, _, name = weight.removeprefix(f"{self.model}/").rpartition("/")
        for place, stage in enumerate(self.stages):
            if stage.path == path and name in stage.weights:
                if f"{path}/{name}" in self.penalised:
                    stage.layer.unsupported(
                        f"the regularizer of {name!r} adds to its gradient, which no path shows"
                    )
                return place, name
        held = dict.fromkeys(f"{s.path}/{name}" for s in self.stages for name in s.weights)
        raise ConfigError(
            f"weight: expected one of {', '.join(held) or 'none'} of model {self.model!r}, "
            f"received {weight!r}"
        )


def chain_of(model: Any, x: Any) -> Chain:
    """Take a live model apart, run on a batch as in inference.

    Raises:
        UnsupportedError: it is no stack, or holds a layer that is not explained; the message names
            that one.
        ShapeError: the batch does not fit.
        TargetError: the model is not built, or its config holds no graph.
    """
    network = read_network(model)
    calls = tuple(_stack(network))
    run = forward(network, np.asarray(x), Mode())  # a list is a batch: there is one input
    if len(run.fed) != 1 or not len(run.fed[0]):
        raise ShapeError(f"model {network.name!r}: expected one x with at least one example")
    stages: list[Stage] = []
    fed = run.fed[0]
    for call, applied in zip(calls, run.calls, strict=True):
        stages += _stages(call, applied.layer, _weights_of(network, call.path), fed)
        fed = applied.applied.outputs[0]
    if not stages:
        raise UnsupportedError(f"model {network.name!r}: it has no layer that computes anything")
    plain = names_of(stages)
    names = (*plain[:-1], OUTPUT)
    return Chain(
        model=network.name,
        inputs=run.fed[0],
        stages=tuple(stages),
        names=names,
        plain=plain,
        run=run,
        output=Source(len(run.calls) - 1, 0),
        penalised=frozenset(
            f"{one.layer}/{one.name}" for one in network.weights if one.regularizer is not None
        ),
    )


def _stack(network: Network) -> Iterator[Call]:
    """The calls in order, each checked to be fed by the one before alone."""
    called: set[str] = set()
    before: int | None = None
    for place, call in enumerate(network.architecture.calls):
        fed = None if call.sources is None else [source.call for source in call.sources]
        layer = network.layers[call.path]
        if fed != [before]:
            layer.unsupported(
                "a gradient is explained path by path through a stack of layers, each fed by the "
                "one before"
            )
        if call.path in called:
            layer.unsupported(
                "a gradient is not explained path by path through a layer that is called twice"
            )
        find_family(layer)  # before anything is run
        called.add(call.path)
        before = place
        yield call


def _weights_of(network: Network, path: str) -> Mapping[str, Array]:
    identities = Counter(weight.identity for weight in network.weights)
    own = [weight for weight in network.weights if weight.layer == path]
    if any(identities[weight.identity] > 1 for weight in own):
        network.layers[path].unsupported(
            "a gradient is not explained path by path through a weight that two layers share"
        )
    return {weight.name: weight.value for weight in own}


def _stages(
    call: Call, config: LayerConfig, weights: Mapping[str, Array], fed: Array
) -> Iterator[Stage]:
    """The stages of a layer: what it computes, and its activation apart."""
    family = find_family(config)
    if call.derivation is None:
        config.unsupported("its shapes are not derived")
    if config.get("activity_regularizer") is not None:
        config.unsupported("its activity regularizer adds to the loss, which no path shows")
    activation = config.get("activation")
    own = config
    if config.class_name != "Activation" and activation not in (None, "linear"):
        own = _with(config, {**config.config, "activation": "linear"})
    outputs = apply_layer(own, weights, (fed,), Mode()).outputs[0]
    yield from _made(family(Applied(call.path, own, call.derivation, weights, fed, outputs)))
    if own is not config:
        then = LayerConfig(
            {
                "class_name": "Activation",
                "config": {"name": config.name, "activation": activation},
            }
        )
        given = apply_layer(then, {}, (outputs,), Mode()).outputs[0]
        after = find_family(then)
        yield from _made(after(Applied(call.path, then, call.derivation, {}, outputs, given)))


def _made(stages: Stage | tuple[Stage, ...] | None) -> tuple[Stage, ...]:
    """What a family makes of a layer, one after the other."""
    if stages is None:
        return ()
    return stages if isinstance(stages, tuple) else (stages,)


def _with(config: LayerConfig, values: Mapping[str, Any]) -> LayerConfig:
    return LayerConfig({**config.serialised, "config": values})
