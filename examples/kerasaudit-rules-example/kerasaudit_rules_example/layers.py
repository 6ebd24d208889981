"""The layers. They are registered by a name, under which their rules are found."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("example")
class ChannelScale(keras.layers.Layer):
    """Multiplies each channel by a factor that is learnt."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the factors."""
        self.scale = self.add_weight(name="scale", shape=input_shape[-1:], initializer="ones")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Scale the channels."""
        return inputs * self.scale


@keras.saving.register_keras_serializable("example")
class FeedForward(keras.layers.Layer):
    """A residual block: C channels to `expansion`·C, back to C, and scaled."""

    def __init__(self, expansion: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.expansion = expansion

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the three layers of the block for the channels of the input."""
        channels = input_shape[-1]
        hidden = (*input_shape[:-1], self.expansion * channels)
        self.expand = keras.layers.Dense(hidden[-1], activation="gelu", name="expand")
        self.expand.build(input_shape)
        self.project = keras.layers.Dense(channels, name="project")
        self.project.build(hidden)
        self.scale = ChannelScale(name="scale")
        self.scale.build(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Apply the block."""
        return inputs + self.scale(self.project(self.expand(inputs)))

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes, from which the rule derives the block."""
        return {**super().get_config(), "expansion": self.expansion}
