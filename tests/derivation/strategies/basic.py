"""The layers of feed-forward networks, and what the strategies of every family are made of."""

from __future__ import annotations

from hypothesis import strategies as st

INTEGERS = st.integers(1, 4)
BATCH = st.sampled_from([None, None, 2])
DTYPES = ("float16", "mixed_float16", "bfloat16", "mixed_bfloat16", "float64", "float32")
FORMATS = st.sampled_from(["channels_last", "channels_last", "channels_first", None])


def rarely(strategy, usual):
    """`usual`, and now and then `strategy`."""
    return st.integers(0, 14).flatmap(lambda n: strategy if n == 7 else usual)


def either_form(rank, elements):
    """An integer for all axes, or one for each."""
    return elements | st.tuples(*[elements] * rank) | st.tuples(*[elements] * rank).map(list)


def arguments(required=None, optional=None):
    """A dict with all of `required` and any of `optional`, and what every layer takes."""
    common = {"trainable": st.booleans(), "dtype": st.sampled_from(DTYPES)}
    return st.fixed_dictionaries(required or {}, optional={**common, **(optional or {})})


def extents(low=1, high=9):
    """A spatial extent, unknown now and then."""
    return rarely(st.none(), st.integers(low, high))


@st.composite
def feature_maps(draw, rank, channels_first, channels=None, low=1, high=9):
    """A shape with a batch axis, `rank` spatial axes and channels in the right place."""
    spatial = draw(st.tuples(*[extents(low, high)] * rank))
    channels = draw(rarely(st.none(), INTEGERS)) if channels is None else channels
    inner = (channels, *spatial) if channels_first else (*spatial, channels)
    shape = (draw(BATCH), *inner)
    # A rank that does not fit must be refused by both.
    return draw(rarely(st.sampled_from([shape[:-1], (*shape, 2)]), st.just(shape)))


@st.composite
def on_feature_maps(draw, rank, required=None, optional=None, low=2, high=9):
    """Arguments with a data_format, and a shape to go with them."""
    made = draw(arguments(required, {"data_format": FORMATS, **(optional or {})}))
    first = made.get("data_format") == "channels_first"
    return made, draw(feature_maps(rank, first, low=low, high=high))


@st.composite
def on_any_rank(draw, required=None, optional=None, low=2, high=5):
    """Arguments, and a shape of any rank with known extents but for the batch axis (mostly)."""
    made = draw(arguments(required, optional))
    inner = draw(
        st.lists(rarely(st.none(), st.integers(1, 6)), min_size=low - 1, max_size=high - 1)
    )
    return made, (draw(BATCH), *inner)


# -- convolutions -----------------------------------------------------------------------------


def window_arguments(rank, paddings=("valid", "same")):
    paddings = [*paddings, *(p.upper() for p in paddings)]
    return {
        "padding": st.sampled_from(paddings),
        "use_bias": st.booleans(),
        "activation": st.sampled_from(["relu", "softmax", None]),
        "dilation_rate": rarely(either_form(rank, INTEGERS), st.just(1)),
        "strides": either_form(rank, st.integers(1, 3)),
    }


@st.composite
def convolutions(draw, rank):
    paddings = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    groups = draw(st.integers(1, 3))
    made, shape = draw(
        on_feature_maps(
            rank,
            {"kernel_size": either_form(rank, INTEGERS), "filters": INTEGERS},
            window_arguments(rank, paddings),
        )
    )
    # Either dilated or strided, mostly: both at once is refused.
    if draw(st.integers(0, 9)) and "dilation_rate" in made:
        made.pop("strides", None)
    if draw(st.booleans()):
        made["groups"] = groups
        if draw(st.integers(0, 4)):
            made["filters"] *= groups
            axis = 1 if made.get("data_format") == "channels_first" else -1
            if len(shape) == rank + 2 and shape[axis] is not None:
                shape = list(shape)
                shape[axis] *= groups
                shape = tuple(shape)
    return made, shape


@st.composite
def transposed_convolutions(draw, rank):
    made, shape = draw(
        on_feature_maps(
            rank,
            {"kernel_size": either_form(rank, INTEGERS), "filters": INTEGERS},
            {
                **window_arguments(rank),
                "output_padding": either_form(rank, st.integers(0, 2)) | st.none(),
            },
        )
    )
    if draw(st.integers(0, 9)) and made.get("dilation_rate", 1) != 1:
        made.pop("strides", None)
    return made, shape


def depthwise(rank):
    return on_feature_maps(
        rank,
        {"kernel_size": either_form(rank, INTEGERS)},
        {**window_arguments(rank), "depth_multiplier": INTEGERS},
    )


def separable(rank):
    return on_feature_maps(
        rank,
        {"kernel_size": either_form(rank, INTEGERS), "filters": INTEGERS},
        {**window_arguments(rank), "depth_multiplier": INTEGERS},
    )


# -- normalisation ------------------------------------------------------------------------------

AXIS = st.integers(-4, 4)
SWITCHES = {"center": st.booleans(), "scale": st.booleans()}
AXES = AXIS | st.lists(AXIS, min_size=1, max_size=3, unique=True)


@st.composite
def groups_on_channels(draw):
    made, shape = draw(on_any_rank({}, {**SWITCHES, "groups": st.sampled_from([-1, 1, 2, 3, 4])}))
    made.setdefault("groups", 1)
    if draw(st.booleans()):
        made["axis"] = draw(AXIS)
    return made, shape


@st.composite
def standardised(draw):
    """Normalization: statistics to be adapted, or constants of fitting and unfitting shapes."""
    made, shape = draw(on_any_rank({}, {"invert": st.booleans()}))
    if draw(st.booleans()):
        made["axis"] = draw(AXES | st.none())
    if draw(st.integers(0, 2)) == 0:
        axis = made.get("axis", -1)
        last = shape[axis] if isinstance(axis, int) and -len(shape) <= axis < len(shape) else 1
        length = draw(st.sampled_from([last or 1, 1, 2]))
        made["mean"], made["variance"] = draw(
            st.sampled_from([([0.5] * length, [2.0] * length), (0.5, 2.0)])
        )
    return made, shape


@st.composite
def slopes(draw):
    made, shape = draw(on_any_rank())
    if draw(st.booleans()):
        axes = st.integers(1, len(shape) - 1)
        made["shared_axes"] = draw(
            rarely(st.just([len(shape)]), axes | st.lists(axes, max_size=3, unique=True))
        )
    return made, shape


# -- pooling and reshaping ----------------------------------------------------------------------


def pooling(rank):
    return on_feature_maps(
        rank,
        {"pool_size": either_form(rank, st.integers(1, 3))},
        {
            "strides": either_form(rank, st.integers(1, 3)) | st.none(),
            "padding": st.sampled_from(["valid", "same"]),
        },
    )


def adaptive(rank):
    return on_feature_maps(rank, {"output_size": either_form(rank, INTEGERS)}, low=4)


def both_ends(rank, high):
    pair = st.tuples(st.integers(0, high), st.integers(0, high))
    return st.integers(0, high) | (pair if rank == 1 else st.tuples(*[pair] * rank))


@st.composite
def reshaped(draw):
    made, shape = draw(on_any_rank({}, low=1))
    inner = list(shape[1:])
    target = draw(st.permutations(inner))
    target = [6 if extent is None else extent for extent in target]
    if target and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    if draw(st.integers(0, 5)) == 0:
        target.append(draw(st.sampled_from([-1, 1, 2])))
    made["target_shape"] = tuple(target)
    return made, shape


@st.composite
def permuted(draw):
    made, shape = draw(on_any_rank())
    rank = draw(rarely(st.just(len(shape)), st.just(len(shape) - 1)))
    made["dims"] = tuple(draw(st.permutations(range(1, rank + 1))))
    return made, shape


# -- merging ------------------------------------------------------------------------------------


@st.composite
def broadcasting(draw, low=2, high=3):
    """Shapes that mostly broadcast: some extents 1 or unknown, some leading axes left out."""
    full = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    batch = draw(BATCH)
    shapes = []
    for _ in range(draw(st.integers(low, high))):
        inner = [draw(rarely(st.sampled_from([1, None, 3]), st.just(e))) for e in full]
        left_out = draw(rarely(st.integers(0, len(inner) - 1), st.just(0)))
        shapes.append((draw(rarely(st.just(3), st.just(batch))), *inner[left_out:]))
    return draw(arguments()), shapes


@st.composite
def concatenated(draw):
    full = draw(st.lists(extents(), min_size=1, max_size=3))
    axis = draw(st.integers(-len(full), len(full)))
    shapes = []
    for _ in range(draw(st.integers(1, 3))):
        shape = [None, *full]
        if axis:
            shape[axis] = draw(extents())
        if draw(st.integers(0, 9)) == 9:
            shape = draw(st.sampled_from([[*shape, 2], [*shape[:-1], 7]]))
        shapes.append(tuple(shape))
    made = draw(arguments())
    if axis != -1 or draw(st.booleans()):
        made["axis"] = axis
    return made, shapes


@st.composite
def dotted(draw):
    one = [None, *draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))]
    other = [None, *draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))]
    first = draw(st.integers(1, len(one) - 1))
    second = draw(st.integers(1, len(other) - 1))
    if draw(st.integers(0, 4)):
        other[second] = one[first]
    signed = draw(st.sampled_from([(first, second), (first - len(one), second - len(other))]))
    made = draw(arguments({}, {"normalize": st.booleans()}))
    made["axes"] = signed[0] if signed[0] == signed[1] else list(signed)
    return made, [tuple(one), tuple(other)]


# -- the rest -----------------------------------------------------------------------------------


def dropped(rank=None, with_format=False, trainable=True, **required):
    """Dropout and its like; the SpatialDropout layers take no `trainable`."""
    optional = {"data_format": FORMATS} if with_format else {}
    pairs = (
        on_any_rank(required, optional)
        if rank is None
        else st.tuples(arguments(required, optional), feature_maps(rank, False))
    )
    if trainable:
        return pairs
    return pairs.map(lambda pair: ({k: v for k, v in pair[0].items() if k != "trainable"}, pair[1]))


@st.composite
def declared(draw):
    shape = (draw(BATCH), *draw(st.lists(extents(), max_size=4)))
    return {"batch_shape": shape}, shape


@st.composite
def scaled(draw):
    channels = draw(INTEGERS)
    made = draw(arguments({"projection_dim": st.just(channels), "init_values": st.just(1e-6)}))
    spatial = draw(st.lists(extents(), max_size=3))
    last = draw(rarely(st.sampled_from([None, 1, 7]), st.just(channels)))
    return made, (draw(BATCH), *spatial, last)


RATE = st.sampled_from([0, 0.25, 0.5])
LAYERS = "keras.layers"
CONVNEXT = "keras.src.applications.convnext"
RESNET = "keras.src.applications.inception_resnet_v2"

# Examples are counted per class: many where weights and windows vary, few where little can.
MANY, SOME, FEW = 36, 14, 6

STRATEGIES = {
    "InputLayer": (LAYERS, declared(), FEW),
    "Identity": (LAYERS, on_any_rank(), FEW),
    "Masking": (LAYERS, on_any_rank(), FEW),
    "Activation": (
        LAYERS,
        on_any_rank({"activation": st.sampled_from(["relu", "tanh", "softmax"])}),
        FEW,
    ),
    "ReLU": (LAYERS, on_any_rank({}, {"max_value": st.just(6.0)}), FEW),
    "LeakyReLU": (LAYERS, on_any_rank({}, {"negative_slope": RATE}), FEW),
    "ELU": (LAYERS, on_any_rank(), FEW),
    "Softmax": (LAYERS, on_any_rank({}, {"axis": st.sampled_from([-1, 1])}), FEW),
    "PReLU": (LAYERS, slopes(), MANY),
    "Dense": (
        LAYERS,
        on_any_rank({"units": INTEGERS}, {"use_bias": st.booleans()}, low=1),
        MANY,
    ),
    "Embedding": (
        LAYERS,
        on_any_rank({"input_dim": INTEGERS, "output_dim": INTEGERS}, {"mask_zero": st.booleans()}),
        SOME,
    ),
    **{f"Conv{rank}D": (LAYERS, convolutions(rank), MANY) for rank in (1, 2, 3)},
    **{
        f"Conv{rank}DTranspose": (LAYERS, transposed_convolutions(rank), MANY)
        for rank in (1, 2, 3)
    },
    **{f"DepthwiseConv{rank}D": (LAYERS, depthwise(rank), MANY) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": (LAYERS, separable(rank), MANY) for rank in (1, 2)},
    "BatchNormalization": (
        LAYERS,
        on_any_rank({}, {**SWITCHES, "axis": AXIS, "renorm": st.booleans()}),
        MANY,
    ),
    "LayerNormalization": (
        LAYERS,
        on_any_rank({}, {**SWITCHES, "axis": AXES, "rms_scaling": st.booleans()}),
        MANY,
    ),
    "GroupNormalization": (LAYERS, groups_on_channels(), MANY),
    "UnitNormalization": (LAYERS, on_any_rank({}, {"axis": AXES}), SOME),
    "Normalization": (LAYERS, standardised(), MANY),
    "Rescaling": (LAYERS, on_any_rank({"scale": RATE}), FEW),
    **{
        f"{kind}Pooling{rank}D": (LAYERS, pooling(rank), SOME)
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    **{
        f"Global{kind}Pooling{rank}D": (
            LAYERS,
            on_feature_maps(rank, {}, {"keepdims": st.booleans()}),
            SOME,
        )
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    **{
        f"Adaptive{kind}Pooling{rank}D": (LAYERS, adaptive(rank), FEW)
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    "Flatten": (
        LAYERS,
        on_any_rank({}, {"data_format": FORMATS}, low=1),
        SOME,
    ),
    "Reshape": (LAYERS, reshaped(), MANY),
    "Permute": (LAYERS, permuted(), SOME),
    "RepeatVector": (LAYERS, on_any_rank({"n": INTEGERS}, high=3), SOME),
    "ZeroPadding1D": (LAYERS, on_feature_maps(1, {}, {"padding": both_ends(1, 3)}), SOME),
    **{
        f"ZeroPadding{rank}D": (
            LAYERS,
            on_feature_maps(rank, {}, {"padding": both_ends(rank, 3)}),
            SOME,
        )
        for rank in (2, 3)
    },
    "Cropping1D": (
        LAYERS,
        st.tuples(arguments({}, {"cropping": both_ends(1, 2)}), feature_maps(1, False)),
        SOME,
    ),
    **{
        f"Cropping{rank}D": (
            LAYERS,
            on_feature_maps(rank, {}, {"cropping": both_ends(rank, 2)}, low=3),
            SOME,
        )
        for rank in (2, 3)
    },
    "UpSampling1D": (
        LAYERS,
        st.tuples(arguments({}, {"size": INTEGERS}), feature_maps(1, False)),
        SOME,
    ),
    **{
        f"UpSampling{rank}D": (
            LAYERS,
            on_feature_maps(rank, {}, {"size": either_form(rank, INTEGERS)}),
            SOME,
        )
        for rank in (2, 3)
    },
    "Dropout": (LAYERS, dropped(rate=RATE), FEW),
    "AlphaDropout": (LAYERS, dropped(rate=RATE), FEW),
    "GaussianDropout": (LAYERS, dropped(rate=RATE), FEW),
    "GaussianNoise": (LAYERS, dropped(stddev=RATE), FEW),
    "ActivityRegularization": (LAYERS, dropped(l2=RATE), FEW),
    "SpatialDropout1D": (LAYERS, dropped(1, trainable=False, rate=RATE), FEW),
    **{
        f"SpatialDropout{rank}D": (
            LAYERS,
            dropped(rank, with_format=True, trainable=False, rate=RATE),
            FEW,
        )
        for rank in (2, 3)
    },
    **{
        name: (LAYERS, broadcasting(), SOME)
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    },
    "Concatenate": (LAYERS, concatenated(), MANY),
    "Dot": (LAYERS, dotted(), MANY),
    "LayerScale": (CONVNEXT, scaled(), SOME),
    "StochasticDepth": (CONVNEXT, on_any_rank({"drop_path_rate": RATE}), FEW),
    "CustomScaleLayer": (
        RESNET,
        broadcasting(low=2, high=2).map(lambda pair: ({**pair[0], "scale": 0.2}, pair[1])),
        SOME,
    ),
}  # fmt: skip

COUNTING = {"Dense", "Dot"} | {name for name in STRATEGIES if "Conv" in name}
