"""GPT-2 in its four sizes, from plain Keras layers, the head tied to the table of tokens.

Source: Radford, Wu, Child, Luan, Amodei, Sutskever, "Language Models are Unsupervised Multitask
Learners" (2019), Table 2, and OpenAI's release (github.com/openai/gpt-2), whose weights the counts
cited are those of: 124,439,808, 354,823,168, 774,030,080 and 1,557,611,200.

The paper's own table says 117M, 345M, 762M and 1542M. The release's README owns that its first
figures were wrong; the counts here are of what was released. Positions are an input of their own,
0 to 1,023, for their table is looked up like that of tokens.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

PAPER = "Radford et al. 2019, Table 2"
RELEASE = "OpenAI's release of the weights"

VOCABULARY, CONTEXT = 50_257, 1_024


def _claims(depth: int, width: int, total: int, printed: str, corrected: str) -> list[Claim]:
    hidden, squared = 4 * width, width * width
    return [
        Claim("tokens", f"{VOCABULARY:,} × {width:,} = {VOCABULARY * width:,}", source=RELEASE),
        Claim("positions", f"{CONTEXT:,} × {width:,} = {CONTEXT * width:,}", source=RELEASE),
        Claim(
            "block_1_attention",
            f"{width} × {width} = {squared:,}",
            f"4 × {squared:,} + 4 × {width} = {4 * squared + 4 * width:,}",
            source="worked out here: queries, keys, values and output, each with biases",
        ),
        Claim(
            "block_1_expand",
            f"{width} × {hidden} + {hidden} = {width * hidden + hidden:,}",
            source=RELEASE,
        ),
        Claim(
            f"block_{depth}_contract",
            f"{hidden} × {width} + {width} = {width * hidden + width:,}",
            source=RELEASE,
        ),
        Claim("total", f"{total:,}", source=RELEASE),
        Claim(
            "total",
            printed,
            errata={printed: corrected},
            source=f"{PAPER}, Parameters, which the release's README corrects",
        ),
    ]


def _gpt2(name: str, depth: int, width: int, heads: int) -> keras.Model:
    tokens = keras.Input((CONTEXT,), dtype="int32", name="token_ids")
    places = keras.Input((CONTEXT,), dtype="int32", name="position_ids")
    table = layers.ReversibleEmbedding(VOCABULARY, width, name="tokens")
    x = layers.Add(name="embedded")(
        [table(tokens), layers.Embedding(CONTEXT, width, name="positions")(places)]
    )
    for number in range(1, depth + 1):
        x = _block(x, f"block_{number}", width, heads)
    x = layers.LayerNormalization(epsilon=1e-5, name="normalized")(x)
    return keras.Model([tokens, places], table(x, reverse=True), name=name)


def _block(x: keras.KerasTensor, name: str, width: int, heads: int) -> keras.KerasTensor:
    """Attention and two dense layers, each after a normalisation and beside a shortcut."""
    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_normalized_1")(x)
    y = layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")(
        y, y, use_causal_mask=True
    )
    x = layers.Add(name=f"{name}_attended")([x, y])
    y = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_normalized_2")(x)
    y = layers.Dense(4 * width, activation="gelu", name=f"{name}_expand")(y)
    y = layers.Dense(width, name=f"{name}_contract")(y)
    return layers.Add(name=f"{name}_out")([x, y])


@builder(source=PAPER, claims=_claims(12, 768, 124_439_808, "117M", "124M"))
def gpt2_small() -> keras.Model:
    """GPT-2 small: 12 blocks of width 768 with 12 heads."""
    return _gpt2("gpt2_small", 12, 768, 12)


@builder(source=PAPER, claims=_claims(24, 1024, 354_823_168, "345M", "355M"))
def gpt2_medium() -> keras.Model:
    """GPT-2 medium: 24 blocks of width 1,024 with 16 heads."""
    return _gpt2("gpt2_medium", 24, 1024, 16)


@builder(source=PAPER, claims=_claims(36, 1280, 774_030_080, "762M", "774M"))
def gpt2_large() -> keras.Model:
    """GPT-2 large: 36 blocks of width 1,280 with 20 heads."""
    return _gpt2("gpt2_large", 36, 1280, 20)


@builder(source=PAPER, claims=_claims(48, 1600, 1_557_611_200, "1542M", "1558M"))
def gpt2_xl() -> keras.Model:
    """GPT-2 XL: 48 blocks of width 1,600 with 25 heads."""
    return _gpt2("gpt2_xl", 48, 1600, 25)
