"""Attention, einsum, and the layers that transformers are made of."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.derivation.strategies.basic import (
    AXES,
    BATCH,
    INTEGERS,
    LAYERS,
    MANY,
    SOME,
    arguments,
    on_any_rank,
    rarely,
)


@st.composite
def einsums(draw):
    """Equations made letter by letter: what is contracted, kept, and added, in any order."""
    form = draw(st.sampled_from(["plain", "plain", "left", "right"]))
    letters = iter("bcdefghij")
    kept = [next(letters) for _ in range(draw(st.integers(0, 2)))]
    contracted = [next(letters) for _ in range(draw(st.integers(1, 2)))]
    added = [next(letters) for _ in range(draw(st.integers(1, 2)))]
    extents = {letter: draw(INTEGERS) for letter in [*kept, *contracted, *added]}
    taken = draw(st.permutations(kept + contracted))
    shared = [letter for letter in kept if not draw(st.integers(0, 3))]
    kernel = draw(st.permutations(shared + contracted + added))
    made = draw(st.permutations(kept + added))
    output = [draw(rarely(st.none(), st.just(extents[letter]))) for letter in made]
    shape = [extents[letter] for letter in taken]
    batch = draw(BATCH)
    around = [draw(INTEGERS)] if form != "plain" and draw(st.booleans()) else []
    if form == "plain":
        around = draw(rarely(st.just([2]), st.just([])))  # an axis that the equation has not
    if form == "left" and not draw(st.integers(0, 3)):  # "..." stands for nothing
        shape, form = [batch, *shape], "...a{},{}->...a{}"
    elif form == "left":
        shape = [batch, *around, *shape]
        form = "...{},{}->...{}"
    elif form == "right":
        shape = [batch, *shape, *(around or [3])]
        form = "a{}...,{}->a{}..."
    else:
        shape, form = [batch, *shape, *around], "a{},{}->a{}"
    equation = form.format(*map("".join, (taken, kernel, made)))
    made_arguments = draw(arguments({"equation": st.just(equation)}))
    made_arguments["output_shape"] = tuple(output)
    if draw(st.booleans()):
        axes = draw(st.lists(st.sampled_from(made), min_size=1, unique=True))
        made_arguments["bias_axes"] = "".join(axes)
    return made_arguments, tuple(shape)


# What every attention with heads takes, and refuses now and then.
HEADED = {
    "use_bias": st.booleans(),
    "use_gate": st.booleans(),
    "dropout": rarely(st.sampled_from([-0.1, 1.5]), st.sampled_from([0.0, 0.1, 1])),
    "sliding_window": INTEGERS | st.none(),
}


@st.composite
def several_heads(draw):
    made = draw(
        arguments(
            {"num_heads": INTEGERS, "key_dim": INTEGERS},
            {
                "value_dim": rarely(st.just(0), INTEGERS | st.none()),
                "output_shape": INTEGERS
                | st.tuples(INTEGERS)
                | st.tuples(INTEGERS, INTEGERS)
                | st.none(),
                **HEADED,
            },
        )
    )
    between = draw(st.lists(INTEGERS, min_size=0, max_size=2))
    if draw(st.booleans()):
        places = range(1, len(between) + 2)
        # Counted from either end: -1 would be the features, so -2 is the last of these axes.
        axes = st.sampled_from([*places, *(place - len(between) - 3 for place in places)])
        made["attention_axes"] = draw(axes | st.lists(axes, max_size=1))
    shapes = draw(queries_and_values(between))
    if not draw(st.integers(0, 14)):  # an axis less or more than the others have
        query = shapes["query"]
        shapes["query"] = draw(st.sampled_from([query[1:], (*query, 2)]))
    return made, shapes


@st.composite
def queries_and_values(draw, between=(), equal_features=False):
    """Shapes of query, value and sometimes key, which disagree now and then."""
    batch, features = draw(BATCH), draw(INTEGERS)
    length = draw(rarely(st.none(), INTEGERS))
    query = (batch, *between, draw(rarely(st.none(), INTEGERS)), features)
    value = (batch, *between, length, features if equal_features else draw(INTEGERS))
    shapes = {"query": query, "value": value}
    if draw(st.booleans()):
        shapes["key"] = (batch, *between, length, draw(INTEGERS))
    return shapes


@st.composite
def grouped_queries(draw):
    shared = draw(st.integers(1, 2))
    made = draw(
        arguments(
            {"head_dim": INTEGERS, "num_key_value_heads": st.just(shared)},
            HEADED,
        )
    )
    made["num_query_heads"] = shared * draw(INTEGERS) + draw(rarely(st.just(1), st.just(0)))
    between = draw(rarely(st.just([2]), st.just([])))
    return made, draw(queries_and_values(between, bool(draw(st.integers(0, 9)))))


@st.composite
def plain_attention(draw, optional):
    rates = {"dropout": rarely(st.sampled_from([-0.1, 1.5]), st.sampled_from([0.0, 0.1]))}
    made = draw(arguments({}, {"use_scale": st.booleans(), **rates, **optional}))
    width = draw(INTEGERS)
    batch, lengths = draw(BATCH), draw(st.tuples(INTEGERS, rarely(st.none(), INTEGERS)))
    shapes = [(batch, lengths[0], width), (batch, lengths[1], width)]
    if draw(st.booleans()):
        shapes.append((batch, lengths[1], width))
    return made, shapes


@st.composite
def spectral(draw):
    width = draw(INTEGERS)
    class_name, config, shape = draw(
        st.sampled_from(
            [
                ("Dense", {"units": width}, (None, 3)),
                ("Conv2D", {"filters": width, "kernel_size": 2}, (None, 5, 5, 2)),
                ("Embedding", {"input_dim": 7, "output_dim": width}, (None, 4)),
                ("Conv1D", {"filters": 4, "kernel_size": 3, "groups": 2}, (2, 6, 4)),
                ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": width}, (None, 3)),
                ("SpectralNormalization", {"layer": dense(width)}, (None, 3)),
                # These have no kernel of their own.
                ("Flatten", {}, (None, 4)),
                ("LSTM", {"units": width}, (None, 3, 2)),
                ("TimeDistributed", {"layer": dense(width)}, (None, 3, 2)),
            ]
        )
    )
    made = draw(arguments({}, {"power_iterations": INTEGERS}))
    config = {"name": "inner", **config}
    made["layer"] = {"module": LAYERS, "class_name": class_name, "config": config}
    return made, shape


def dense(units):
    config = {"name": "innermost", "units": units}
    return {"module": LAYERS, "class_name": "Dense", "config": config}


STRATEGIES = {
    "EinsumDense": (LAYERS, einsums(), MANY),
    "MultiHeadAttention": (LAYERS, several_heads(), MANY),
    "GroupQueryAttention": (LAYERS, grouped_queries(), MANY),
    "Attention": (
        LAYERS,
        plain_attention({"score_mode": st.sampled_from(["dot", "concat"])}),
        SOME,
    ),
    "AdditiveAttention": (LAYERS, plain_attention({}), SOME),
    "RMSNormalization": (LAYERS, on_any_rank({}, {"axis": AXES}), SOME),
    "SpectralNormalization": (LAYERS, spectral(), SOME),
    "ReversibleEmbedding": (
        LAYERS,
        on_any_rank(
            {"input_dim": INTEGERS, "output_dim": INTEGERS},
            {"tie_weights": st.booleans(), "mask_zero": st.booleans()},
        ),
        SOME,
    ),
}

COUNTING = {
    "EinsumDense",
    "MultiHeadAttention",
    "GroupQueryAttention",
    "Attention",
    "AdditiveAttention",
    "SpectralNormalization",
}
