"""The base model of "Attention Is All You Need": an encoder and a decoder of six blocks each.

Source: Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin, "Attention Is All You
Need" (2017), §3 and Table 3, row "base": N = 6, d_model = 512, d_ff = 2048, h = 8, d_k = d_v = 64,
65 × 10⁶ parameters.

What the paper leaves open is decided so: the vocabulary is the "about 37000 tokens" of §5.1; the
table of tokens is one, shared by both embeddings and the layer before the softmax (§3.4); every
dense layer has a bias, also those of attention; a normalisation follows each sub-layer (§3.1) and
nothing more. The positional encodings are sines, and no parameters: they are inputs here.

With that the model has 63.1 million parameters, and not the table's 65. Without the 36,864 biases
of attention it has 63.0; the table's figure needs a vocabulary of about 40,700 tokens.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

PAPER = "Vaswani et al. 2017, §3 and Table 3, row base"

VOCABULARY, WIDTH, HIDDEN, HEADS, BLOCKS = 37_000, 512, 2_048, 8, 6
LENGTH = 64


@builder(
    source=PAPER,
    claims=[
        Claim("tokens", "37000 × 512 = 18,944,000", source=f"{PAPER}; §5.1 about 37000 tokens"),
        Claim(
            "encoder_1_attention",
            "512 × 8 × 64 = 262,144",
            "4 × 262,144 + 4 × 512 = 1,050,624",
            source=f"{PAPER}: h = 8, d_k = d_v = 64; worked out here",
        ),
        Claim(
            "encoder_1_expand",
            "512 × 2048 + 2048 = 1,050,624",
            source=f"{PAPER}: d_ff = 2048; worked out here",
        ),
        Claim(
            "decoder_6_contract",
            "2048 × 512 + 512 = 1,049,088",
            source=f"{PAPER}: d_ff = 2048; worked out here",
        ),
        Claim(
            "total",
            "1,050,624 + 1,050,624 + 1,049,088 + 2 × 1024 = 3,152,384",
            "2 × 1,050,624 + 1,050,624 + 1,049,088 + 3 × 1024 = 4,204,032",
            "6 × 3,152,384 + 6 × 4,204,032 + 18,944,000 = 63,082,496",
            source="worked out here: a block of the encoder, one of the decoder, and the whole",
        ),
        Claim(
            "total",
            "65M",
            errata={"65M": "63M"},
            source="Table 3, base, params × 10⁶, which its own sizes do not give",
        ),
    ],
)
def transformer_base() -> keras.Model:
    """The Transformer's base model, encoder and decoder, with one table of tokens."""
    source = keras.Input((LENGTH,), dtype="int32", name="source_ids")
    target = keras.Input((LENGTH,), dtype="int32", name="target_ids")
    encodings = keras.Input((LENGTH, WIDTH), name="positional_encodings")
    table = layers.ReversibleEmbedding(VOCABULARY, WIDTH, name="tokens")
    memory = layers.Add(name="source_embedded")([table(source), encodings])
    for number in range(1, BLOCKS + 1):
        name = f"encoder_{number}"
        memory = _sublayer(memory, _attention(f"{name}_attention", memory, memory), f"{name}_1")
        memory = _sublayer(memory, _dense(memory, name), f"{name}_2")
    x = layers.Add(name="target_embedded")([table(target), encodings])
    for number in range(1, BLOCKS + 1):
        name = f"decoder_{number}"
        own = _attention(f"{name}_attention", x, x, causal=True)
        x = _sublayer(x, own, f"{name}_1")
        x = _sublayer(x, _attention(f"{name}_memory", x, memory), f"{name}_2")
        x = _sublayer(x, _dense(x, name), f"{name}_3")
    scores = table(x, reverse=True)
    outputs = layers.Softmax(name="probabilities")(scores)
    return keras.Model([source, target, encodings], outputs, name="transformer_base")


def _attention(
    name: str, query: keras.KerasTensor, value: keras.KerasTensor, *, causal: bool = False
) -> keras.KerasTensor:
    attend = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=name)
    return attend(query, value, use_causal_mask=causal)


def _dense(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Two dense layers, applied to each position (§3.3)."""
    x = layers.Dense(HIDDEN, activation="relu", name=f"{name}_expand")(x)
    return layers.Dense(WIDTH, name=f"{name}_contract")(x)


def _sublayer(x: keras.KerasTensor, y: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """LayerNorm(x + Sublayer(x)) (§3.1)."""
    x = layers.Add(name=f"{name}_residual")([x, y])
    return layers.LayerNormalization(name=f"{name}_normalized")(x)
