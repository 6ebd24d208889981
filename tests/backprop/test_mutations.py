"""Mutations: one slip in any layer's gradient, and a generated network is not the tape's any more.

Each is a line of a module changed, as data: which module, what becomes what, and which family of
networks must notice. The changed module is run in place of the real one.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from kerasaudit.backprop import rule
from tests.backprop import networks

# A sign, a transposed index, a wrong winner, a bias without a gradient, a term that is left out.
MUTATIONS = [
    ("activation", "g * slope", "-g * slope", "dense"),
    ("activation", "g * ((x > 0) + alpha * (x < 0))", "g * (x > 0)", "dense"),
    ("activation", "(g * below)", "(g * above)", "dense"),
    ("attention", "softmax_back(scores,", "-softmax_back(scores,", "attention"),
    ("attention", '"nhts,nthd->nshd", scores, g', '"nhst,nthd->nshd", scores, g', "attention"),
    (
        "attention",
        '"nhts,nthd->nshd", by_logits, q',
        '"nhts,nshd->nthd", by_logits, q',
        "attention",
    ),
    ("attention", "np.triu(", "np.tril(", "attention"),
    (
        "attention",
        'found[f"{name}/bias"] = g.sum',
        'found[f"{name}/bias"] = 0 * g.sum',
        "attention",
    ),
    ("convolution", '"pr,pk->rk", columns, g', '"pr,pk->rk", columns[::-1], g', "convolution"),
    ("convolution", "rows, kernel[offset])", "rows, kernel[offset[::-1]])", "convolution"),
    ("convolution", "rows, kernel[offset])", "rows, kernel[(*offset[:-1], 0)])", "convolution"),
    ("convolution", '"pak,cak->pac", split', '"pak,cak->pac", -split', "convolution"),
    ("convolution", '"par,pak->rak", columns', '"par,pak->rak", -columns', "depthwise"),
    ("convolution", '{"bias": per_last(g)}', '{"bias": 0 * per_last(g)}', "convolution"),
    (
        "convolution",
        "sliding.cropped(_by_padded(sliding, g,",
        "-sliding.cropped(_by_padded(sliding, g,",
        "deep",
    ),
    (
        "convolution",
        "_by_kernel(sliding, padded, x, kernel.shape, 1)",
        "-_by_kernel(sliding, padded, x, kernel.shape, 1)",
        "transposed",
    ),
    ("convolution", '"...k,qk->...q", g', '"...k,qk->...q", -g', "depthwise"),
    ("convolution", '"nq,nk->qk", a.reshape', '"nq,nk->qk", -a.reshape', "depthwise"),
    ("dense", '"nd,nu->du", x, g', '"nd,nu->du", x[::-1], g', "dense"),
    ("dense", "per_last(g)", "0 * per_last(g)", "dense"),
    ("dense", '"nu,du->nd", g', '"nu,du->nd", -g', "dense"),
    ("einsum", "_product(taken, x, made, g, held", "_product(taken, x, made, -g, held", "einsum"),
    ("einsum", "summed_to(g, bias.shape)", "summed_to(0 * g, bias.shape)", "einsum"),
    ("embedding", "np.add.at(found, index, g)", "found[index] = g", "embedding"),
    ("merging", "np.ones(()), -np.ones(())", "np.ones(()), np.ones(())", "merging"),
    ("merging", "product * after", "product", "merging"),
    ("merging", "np.where(kept, 0.0, 1.0)", "np.where(kept, 1.0, 0.0)", "merging"),
    ("merging", "np.split(g, ends, axis=axis)", "np.split(g, ends, axis=axis)[::-1]", "merging"),
    ("normalization", "- normalized * along", "", "normalization"),
    ("normalization", "- h.mean(axis=axes, keepdims=True)", "", "normalization"),
    ("normalization", "summed_to(g * inside, shape)", "summed_to(g, shape)", "normalization"),
    (
        "normalization",
        'found["beta"] = summed_to(g,',
        'found["beta"] = summed_to(0 * g,',
        "normalization",
    ),
    ("pooling", "padded[met] > best", "padded[met] < best", "pooling"),
    ("pooling", "winner == number", "winner == len(offsets) - 1 - number", "pooling"),
    ("pooling", "g / count", "g", "pooling"),
    ("pooling", "chosen / chosen.sum", "1.0 / chosen.sum", "pooling"),
    (
        "recurrent",
        '{"recurrent_kernel": h.T @ by_z}',
        '{"recurrent_kernel": -h.T @ by_z}',
        "recurrent",
    ),
    ("recurrent", "(by_z @ r.T, by_c * f)", "(by_z @ r.T, by_c)", "recurrent"),
    ("recurrent", "by_q.sum(axis=0)", "0 * by_q.sum(axis=0)", "recurrent"),
    ("recurrent", "by_part * r]", "by_part]", "recurrent"),
    ("recurrent", "g * z + by_reset * r", "g * z", "recurrent"),
    ("recurrent", "per_last(by_p)", "0 * per_last(by_p)", "recurrent"),
    ("regularization", "Gradients((g,))", "Gradients((-g,))", "dense"),
    ("reshaping", "cut(np.pad(g, removed), -1)", "-cut(np.pad(g, removed), -1)", "reshaping"),
    ("reshaping", "np.argsort(order)", "order", "reshaping"),
    ("reshaping", "along(g, back=True)", "-along(g, back=True)", "reshaping"),
    ("scaling", "g * scale, x.shape", "g, x.shape", "normalization"),
    ("scaling", "g / deviation", "g * deviation", "normalization"),
    ("wrappers", "found[name] + g if name in found", "g if name in found", "recurrent"),
    ("wrappers", "gradients[0][:, ::-1], *gradients", "gradients[0], *gradients", "recurrent"),
    ("wrappers", "first.inputs[0] + second.inputs[0]", "first.inputs[0]", "recurrent"),
]


@pytest.mark.parametrize(
    ("module", "old", "new", "family"),
    MUTATIONS,
    ids=[f"{module}-{number}" for number, (module, *_) in enumerate(MUTATIONS)],
)
def test_a_slip_is_noticed(keras, monkeypatch, module, old, new, family):
    name = f"kerasaudit.backprop.layers.{module}"
    real = importlib.import_module(name)
    path = Path(real.__file__)
    source = path.read_text(encoding="utf-8")
    assert old in source
    rule.registered_gradients()
    registered = dict(rule._built_in)
    monkeypatch.setattr(rule, "_built_in", {})
    changed = source.replace(old, new)
    exec(compile(changed, str(path), "exec"), {"__name__": name})
    monkeypatch.setattr(rule, "_built_in", {**registered, **rule._built_in})
    assert any(_differs(getattr(networks, family), seed) for seed in range(22))


def _differs(family, seed):
    try:
        networks.check_network(family, seed)
    except (AssertionError, IndexError, ValueError):
        return True
    return False


def test_every_layer_module_has_mutations():
    package = importlib.import_module("kerasaudit.backprop.layers")
    modules = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules == {module for module, *_ in MUTATIONS}
