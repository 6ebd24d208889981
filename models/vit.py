"""ViT-B/16: an image as 196 patches and a class token, through twelve blocks of attention.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at
Scale", ICLR 2021, Table 1, row "ViT-Base": 12 layers, hidden size 768, MLP size 3072, 12 heads, 86M
parameters. The exact count and the MACs cited are those of torchvision's `ViT_B_16_Weights`:
"num_params" 86,567,656 and "_ops" 17.56 (GFLOPs, which count multiply-accumulates, those of the two
score products among them).

The class token and the position embeddings are tables, looked up with indices that are inputs.
"""

import keras
from keras import layers

from kerasaudit import Claim, builder

PAPER = "Dosovitskiy et al. 2021, Table 1, row ViT-Base"
TORCHVISION = "pytorch.org, torchvision ViT_B_16_Weights"

SIZE, PATCH, WIDTH, HIDDEN, HEADS, BLOCKS = 224, 16, 768, 3_072, 12, 12
PATCHES = (SIZE // PATCH) ** 2


@builder(
    source=PAPER,
    claims=[
        Claim(
            "patches",
            "16 × 16 × 3 × 768 + 768 = 590,592",
            source="Table 1 and §3.1; worked out here",
        ),
        Claim("patches", "14 × 14 × 768", quantity="output_shape", source="§3.1: 224² in 16²"),
        Claim("positions", "197 × 768 = 151,296", source="§3.1: N + 1 positions; worked out here"),
        Claim(
            "block_1_attention",
            "4 × 768 × 768 + 4 × 768 = 2,362,368",
            source="Table 1, 12 heads; worked out here",
        ),
        Claim("block_1_expand", "768 × 3072 + 3072 = 2,362,368", source="Table 1, MLP size"),
        Claim("block_12_contract", "3072 × 768 + 768 = 2,360,064", source="Table 1, MLP size"),
        Claim("head", "768 × 1000 + 1000 = 769,000", source="ImageNet's 1000 classes"),
        Claim("total", "86,567,656", source=f"{TORCHVISION}, num_params"),
        Claim(
            "total",
            "86M",
            errata={"86M": "87M"},
            source=f"{PAPER}, Params, which is cut off, not rounded",
        ),
        Claim("total", "17.56G", quantity="macs", source=f"{TORCHVISION}, _ops"),
    ],
)
def vit_b16() -> keras.Model:
    """ViT-B/16 for images of 224 × 224 and 1,000 classes."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    token = keras.Input((1,), dtype="int32", name="class_index")
    places = keras.Input((PATCHES + 1,), dtype="int32", name="position_indices")
    x = layers.Conv2D(WIDTH, PATCH, strides=PATCH, name="patches")(image)
    x = layers.Reshape((PATCHES, WIDTH), name="sequence")(x)
    class_token = layers.Embedding(1, WIDTH, name="class_token")(token)
    x = layers.Concatenate(axis=1, name="with_class_token")([class_token, x])
    positions = layers.Embedding(PATCHES + 1, WIDTH, name="positions")(places)
    x = layers.Add(name="embedded")([x, positions])
    for number in range(1, BLOCKS + 1):
        x = _block(x, f"block_{number}")
    x = layers.LayerNormalization(epsilon=1e-6, name="normalized")(x)
    x = layers.Cropping1D((0, PATCHES), name="class_position")(x)
    x = layers.Flatten(name="features")(x)
    outputs = layers.Dense(1000, name="head")(x)
    return keras.Model([image, token, places], outputs, name="vit_b16")


def _block(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Attention and two dense layers, each after a normalisation and beside a shortcut."""
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_normalized_1")(x)
    y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"{name}_attention")(y, y)
    x = layers.Add(name=f"{name}_attended")([x, y])
    y = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_normalized_2")(x)
    y = layers.Dense(HIDDEN, activation="gelu", name=f"{name}_expand")(y)
    y = layers.Dense(WIDTH, name=f"{name}_contract")(y)
    return layers.Add(name=f"{name}_out")([x, y])
