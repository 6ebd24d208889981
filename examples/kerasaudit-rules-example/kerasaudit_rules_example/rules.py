"""The rules. A rule's docstring is what `kerasaudit explain "example>ChannelScale"` prints."""

from __future__ import annotations

import kerasaudit as ka


@ka.rule("example>ChannelScale")
def channel_scale(layer: ka.LayerConfig, x: tuple[int | None, ...]) -> ka.Derivation:
    """Multiplies each channel by a factor that is learnt.

    Formula:  scale C.
    Axes:     (C); the unit axis is C.
    Example:  16 channels: 16.
    MACs:     0: element-wise work.
    """
    scale = ka.Weight("scale", ka.Axis("C", layer.extent(x, -1)), unit="C")
    return ka.Derivation(weights=(scale,), output_shape=x, macs=0)


@ka.rule("example>FeedForward")
def feed_forward(layer: ka.LayerConfig, x: tuple[int | None, ...]) -> ka.Derivation:
    """A residual block of two dense layers and a scale, derived from `expansion` by their rules.

    Formula:  expand C·eC + eC, project eC·C + C, scale C, with e = expansion.
    Example:  16 channels, expansion=4: 16·64 + 64 + 64·16 + 16 + 16 = 2,144.
    MACs:     the sum over the three layers.
    """
    channels = layer.extent(x, -1)
    units = layer.integer("expansion", 4) * channels
    expand = ka.derive_part(layer, _dense("expand", units), x)
    project = ka.derive_part(layer, _dense("project", channels), (*x[:-1], units))
    scale = ka.derive_part(layer, _channel_scale("scale"), x)
    parts = (expand, project, scale)
    macs = None if any(part.macs is None for part in parts) else sum(part.macs for part in parts)
    return ka.Derivation(
        weights=tuple(weight for part in parts for weight in part.weights),
        output_shape=x,
        macs=macs,
    )


def _dense(name: str, units: int) -> dict[str, object]:
    config = {"name": name, "units": units}
    return {"module": "keras.layers", "class_name": "Dense", "config": config}


def _channel_scale(name: str) -> dict[str, object]:
    registered = "example>ChannelScale"
    return {"class_name": "ChannelScale", "registered_name": registered, "config": {"name": name}}
