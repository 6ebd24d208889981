"""Every finding that an audit of counts and claims can make: its code, and what it means.

`kerasaudit explain KA101` prints the entry. Codes are stable: one that goes out of use is not
given to anything else.
"""

from __future__ import annotations

from kerasaudit.errors import one_line
from kerasaudit.finding import Finding, Kind

__all__ = ["KINDS", "every_kind", "finding"]


_ALL = (
    Kind(
        "KA101",
        "a weight has another shape than derived",
        "The config says by arithmetic what shape the weight has; the live model holds another.",
        "Config and weights are of different models: every figure quoted from either is in doubt.",
        "kernel: derived 3·3·16·64, observed (3, 3, 64, 64), as with groups=1.",
        "Find out which of the two was changed; the line names the likely cause where it can tell.",
    ),
    Kind(
        "KA102",
        "a weight is missing",
        "A weight that the config implies is not held by the layer.",
        "The layer cannot compute what its config says.",
        "bias: derived K = 64 (use_bias is true), observed none.",
        "Compare the layer's code or file with its config.",
    ),
    Kind(
        "KA103",
        "a weight is held that the config does not imply",
        "The layer holds a weight that no term of the derivation accounts for.",
        "Parameters nobody can explain: a forgotten weight, or a layer changed after its config.",
        "extra_scale: observed (64), derived nothing.",
        "Remove it, or write a rule for the layer that says what it is.",
    ),
    Kind(
        "KA104",
        "a weight is trainable on one side only",
        "The config says that the weight is trained (or frozen); in the model it is the other way.",
        "The trainable count is wrong, and training does something else than thought.",
        "layer.bias.trainable = False, which no config records.",
        "Freeze whole layers (layer.trainable), which configs do record.",
    ),
    Kind(
        "KA105",
        "a weight has another dtype than derived",
        "The dtype policy in the config implies one dtype, the variable has another.",
        "Its size in memory, and what arithmetic is done with it, are not as configured.",
        "kernel: derived float32, observed float16.",
        "Compare the layer's dtype policy with how its weights were made.",
    ),
    Kind(
        "KA106",
        "a layer's count_params() is not the sum of its weights",
        "The layer reports another number than its own weights add up to.",
        "Whatever prints count_params() prints a wrong figure.",
        "count_params() 330, its weights 320.",
        "The layer overrides count_params or weights; mend it there.",
    ),
    Kind(
        "KA107",
        "the model's count_params() is not the sum of the rows",
        "The model reports another number than the weights of its layers, each once, add up to.",
        "The total that everyone quotes is not the sum of its parts.",
        "count_params() 100, rows 90.",
        "Look for weights counted twice or left out; the rows name every weight.",
    ),
    Kind(
        "KA108",
        "no rule derives this layer",
        "There is no rule for the layer's class, or not for its state (quantised, LoRA). It is "
        "listed and never counted as 0.",
        "Its parameters are taken on trust.",
        "layer 'scale' (MyScale): no rule for 'my_package>MyScale'.",
        "Register one with @kerasaudit.rule, or exempt the layer with a reason.",
        incomplete=True,
    ),
    Kind(
        "KA109",
        "a layer cannot be derived from its config",
        "A value in the config is one that no layer can have, its input shape does not fit, or the "
        "rule itself failed.",
        "The config does not describe a layer that can exist.",
        "layer 'dense' (Dense): units must be a positive integer, received -1.",
        "Correct the value that the message names.",
        incomplete=True,
    ),
    Kind(
        "KA110",
        "a layer's input shape is not known",
        "A layer before it could not be derived, and the config records no shape to go on with.",
        "What depends on the shape cannot be derived either.",
        "layer 'dense_1' (Dense): its input shape is not known.",
        "Mend the first finding above it, or give input_shape.",
        incomplete=True,
    ),
    Kind(
        "KA111",
        "a model or layer is not built",
        "It has no weights yet, because its input shape was never given or it is never called.",
        "Keras's summary() says 'Total params: 0' for such a model without complaint.",
        "Sequential([Dense(2)]) without an Input.",
        "Build the model, or start it with keras.Input(shape).",
        incomplete=True,
    ),
    Kind(
        "KA112",
        "a derived shape is not the one that is recorded",
        "The shape derived for a tensor differs from what the config or the model records for it.",
        "Weights are shaped by shapes: one of the two is stale or wrong.",
        "the derived input shape is (None, 13, 13, 32), the config records (None, 12, 12, 32).",
        "Rebuild the model from its code, and look at which layer's shape moves.",
    ),
    Kind(
        "KA113",
        "a layer is on one side only",
        "The live model holds a layer that its config does not list, or the other way round.",
        "A layer outside the config is lost on saving.",
        "layer 'extra' holds 10 parameters and is not in the config.",
        "Make the layer part of the graph, or mend get_config.",
        incomplete=True,
    ),
    Kind(
        "KA114",
        "the model's config holds no graph",
        "A subclassed model, or one with a layer whose get_config fails, that is not built: its "
        "calls cannot be seen either, and nothing can be derived.",
        "Every count is taken on trust.",
        "MyModel is a subclassed model: its config holds no graph.",
        "Build the model, or give input_shape; give each layer a get_config.",
        incomplete=True,
    ),
    Kind(
        "KA115",
        "an exemption does not apply",
        "An exemption names no layer of the model, or one that needs none.",
        "A waiver that is no longer needed hides the next fault.",
        "exempt 'old_layer': no layer has that path.",
        "Remove the exemption.",
    ),
    Kind(
        "KA116",
        "the model itself holds weights",
        "Weights that belong to the model and to none of its layers; no rule derives them.",
        "They are in the total and in no layer's row.",
        "model.scale: 1 parameter outside every layer.",
        "Move them into a layer.",
        incomplete=True,
    ),
    Kind(
        "KA117",
        "the base that LoRA froze is trained",
        "The layer has LoRA adapters, and its own kernel is trainable as well. Setting trainable "
        "to False and back to True unfreezes it; the config still says that it is frozen.",
        "All weights are trained, not the adapters alone, and a rebuilt model does otherwise.",
        "layer 'dense' (Dense): kernel is trained beside its LoRA adapters.",
        "Freeze the kernel by hand (layer._kernel.trainable = False), or rebuild from the config.",
    ),
    Kind(
        "KA118",
        "a quantisation is not recorded in the config",
        "model.quantize() changes layers inside layers (an attention's projections) in place, and "
        "the layer around them writes no word of it into its config.",
        "A model rebuilt from its config is another one, in floats, with another count.",
        "layer 'mha' (MultiHeadAttention): query, key are quantised, the config says float32.",
        "Give the layer the quantised dtype policy (dtype='int8_from_float32') when it is made.",
    ),
    Kind(
        "KA119",
        "LoRA adapters are not recorded in the config",
        "enable_lora() was called on a layer inside a layer (an attention's query), and the layer "
        "around it writes no word of it into its config.",
        "A model rebuilt from its config has no adapters, and trains the kernels that they froze.",
        "layer 'mha' (MultiHeadAttention): query has LoRA adapters, the config says nothing of it.",
        "Call enable_lora() again after each rebuild, or adapt layers that the model itself lists.",
    ),
    Kind(
        "KA120",
        "a kernel is held in floats and packed as well",
        "quantize('gptq') and quantize('awq') of a layer make the packed kernel at once, full of "
        "zeros; the float kernel is dropped by calibration, which has not happened.",
        "Both are counted, and it is the float one that computes; saving writes the packed one.",
        "layer 'dense' (Dense): kernel is held in floats with 2,100 parameters beside the packed.",
        "Quantise the model with a dataset: model.quantize('gptq', config=GPTQConfig(…)).",
    ),
    Kind(
        "KA121",
        "sharing is lost in the config",
        "Two layers of the model hold the same weights, and its config lists both as different "
        "ones: a config names a layer within one model only, and cannot say that it is another's.",
        "A model made from to_json() has more parameters, and trains them apart.",
        "layer 'd' in two submodels: 24 parameters once in the model, twice in its JSON.",
        "Save the weights with the code that builds the model, or call one shared submodel twice.",
    ),
    Kind(
        "KA122",
        "the calls of a model cannot be seen",
        "A subclassed model or layer has its calls in code, and calling it on symbols failed. Its "
        "layers are derived from the shapes they were built with.",
        "MACs are not known, nor is it whether every layer is used.",
        "Net is a subclassed model; calling it on symbols raised TypeError: …",
        "Give input_shape, or let call() take symbols: keras.ops instead of NumPy.",
        incomplete=True,
    ),
    Kind(
        "KA123",
        "summary() prints a total of a model that is not built",
        "A layer that is not built has no weights yet; summary() leaves it out of 'Total params' "
        "without a word, count_params() refuses to count.",
        "Whoever reads the summary takes a part, or 0, for the whole.",
        "the model is not built, and its summary() says 'Total params: 0' all the same.",
        "Build the model, start it with keras.Input(shape), or audit it with input_shape.",
    ),
    Kind(
        "KA201",
        "a documented figure is wrong",
        "The figure that the source gives is not the one derived, or not the one observed.",
        "Whoever reads the source is told something that the model is not.",
        "conv2d: claimed 321, derived 3·3·1·32 + 32 = 320.",
        "Correct the claim, or the model; a slip of the source's own is declared as an erratum.",
    ),
    Kind(
        "KA202",
        "a step of a working is false",
        "The two sides of a step are not equal, whatever the final figure is.",
        "A slip in the middle shows that the total was not worked out as written.",
        "64 × 3 × 3 = 567, but 64 × 3 × 3 is 576.",
        "Correct the step, or declare it as an erratum with its correction.",
    ),
    Kind(
        "KA203",
        "an erratum does not hold",
        "A step is declared as a slip though it is right, or its correction is itself wrong.",
        "An erratum that does not hold accuses the source falsely.",
        "erratum for 64 × 3 × 3 = 576, which is right.",
        "Remove the erratum, or correct its correction.",
    ),
    Kind(
        "KA204",
        "a claim speaks of what is not there",
        "No layer of the model, or no weight, has the path that the claim names; or its index is "
        "not one of it; or the layer is of a kind that has no such figure.",
        "A claim that is not checked is not confirmed.",
        "claim on 'conv2d_7': the model has conv2d, conv2d_1.",
        "Correct the subject of the claim.",
    ),
    Kind(
        "KA205",
        "a claim cannot be judged",
        "The figure that it speaks of is not known on either side. One on an example (a gradient, "
        "an update, an output) needs a builder that states one, and layers whose gradient is "
        "derived.",
        "A check that could not run is not a pass.",
        "macs of a model whose input size is unknown.",
        "Give input_shape, state an example, or mend what keeps the figure from being derived.",
        incomplete=True,
    ),
    Kind(
        "KA206",
        "a working cannot be read",
        "A step is not arithmetic in numbers, + - × / = and parentheses.",
        "A step that cannot be read cannot be checked.",
        "64 × k × k = 576.",
        "Write the step in numbers.",
        incomplete=True,
    ),
    Kind(
        "KA207",
        "a marked figure in a text is wrong",
        "The figure that follows a mark (<!-- kerasaudit: TARGET QUANTITY -->) in a document is "
        "not the one derived, or not the one observed.",
        "Whoever reads the document is told something that the model is not (any more).",
        "parameters of zoo:lenet5: written as 61,706, derived and observed 62,006.",
        "If the model is as it should be, let `kerasaudit claims --fix FILE` write the figure.",
    ),
    Kind(
        "KA208",
        "a mark in a text cannot be followed",
        "A mark in a document is not of the form TARGET [LAYER] QUANTITY, no figure follows it, "
        "or its target cannot be audited.",
        "A figure that looks as if it were checked is not.",
        "no quantity is named parms; did you mean params?",
        "Correct the mark (`kerasaudit claims --help` shows its form), or its target.",
        incomplete=True,
    ),
    Kind(
        "KA501",
        "a model is over its budget",
        "A total of the model is larger than the most that was set for it.",
        "Size creeps: each change adds a little, and nobody decides on the sum.",
        "budget of 5,000,000 parameters (--max-params): the model has 5,300,106, 300,106 over it.",
        "Make the model smaller, or raise the budget where it is set, in a change that says why.",
    ),
    Kind(
        "KA502",
        "a layer is over its budget",
        "A figure of one layer is larger than the most that was set for it.",
        "Most of a model's size is often in one layer, whose size is easily overlooked.",
        "budget of 10,000 parameters (--max-params): layer 'dense' has 16,010, 6,010 over it.",
        "Make the layer smaller, or raise the budget where it is set, in a change that says why.",
    ),
    Kind(
        "KA503",
        "a budget is on something unknown",
        "The figure that the budget is for is not known, so that it cannot be held against it.",
        "A budget that is not checked is not kept.",
        "budget of 1,000,000,000 MACs: how many MACs the model has is not known.",
        "Give input_shape, or mend what keeps the figure from being derived (the other findings).",
        incomplete=True,
    ),
    Kind(
        "KA504",
        "a budget is for a layer that is not there",
        "No layer has the path, or fits the pattern, that the budget is for.",
        "A budget for what was renamed or removed holds nothing any more.",
        "budget of 10,000 parameters is for 'head': no layer has that path.",
        "Correct the path, or remove the budget.",
    ),
    Kind(
        "KA505",
        "a setting applies to nothing",
        "An exemption in the settings is needed by none of the models that it is for, or a pattern "
        "of targets fits none that was audited.",
        "A waiver that is no longer needed hides the next fault; a budget for nothing holds none.",
        "pyproject.toml [exempt.\"models/*\"] 'scale': no layer that needs an exemption has that "
        "path.",
        "Remove it, or correct the pattern.",
    ),
    Kind(
        "KA511",
        "a model is not what its lock says",
        "The architecture or a figure of the model is another than the one that was locked.",
        "A change of the model that nobody agreed to, or that nobody saw: what is trained, shipped "
        "and quoted is no longer what was reviewed.",
        "conv2d_1: filters 64 → 96, params 18,496 → 27,744 (+9,248).",
        "Undo the change, or agree to it: kerasaudit lock TARGET (audit --update-locks) writes the "
        "lock anew, and its diff is reviewed with the code.",
    ),
    Kind(
        "KA512",
        "a model has no lock",
        "Models are held against their locks, and this one has none.",
        "A model that is not locked may change without anyone seeing it.",
        "net: no lock, expected audits/models/net.py/net.json (kerasaudit lock writes it).",
        "Write it with kerasaudit lock TARGET, and commit it.",
    ),
    Kind(
        "KA513",
        "the figures of a locked model changed, the model did not",
        "Config and connections of every layer are as locked, and a figure that is derived from "
        "them is another: the arithmetic changed.",
        "Either the figures that were agreed to were wrong, or those of now are.",
        "conv2d: bias gone [32], params 320 → 288 (-32); rules 1 in the lock, rules 2 now.",
        "Read what changed in the rules (kerasaudit's, or your own), and lock the model anew if "
        "the new figures are right.",
    ),
    Kind(
        "KA514",
        "a lock is of no model",
        "No model that was audited has the target that the lock is of, or the lock is not where "
        "that model's is.",
        "The model was removed or renamed, and what was agreed on for it holds nothing any more.",
        "audits/models/gone.py/gone.json: a lock of 'models/gone.py::gone', which is no model that "
        "was audited.",
        "Remove the file, or write the locks anew: kerasaudit lock TARGET (audit --update-locks).",
    ),
    Kind(
        "KA515",
        "a lock cannot be read",
        "The file is no lock, is another model's, or was written by a newer kerasaudit.",
        "A model that is not held against its lock is not known to be the one that was locked.",
        "audits/zoo/vgg16.json: expected a lock of schema version 1, received 2: a newer "
        "kerasaudit wrote it.",
        "Restore the file, upgrade kerasaudit, or write the lock anew: kerasaudit lock TARGET.",
        incomplete=True,
    ),
)

KINDS: dict[str, Kind] = {kind.code: kind for kind in _ALL}


def finding(code: str, path: str, message: str, **figures: object) -> Finding:
    """A finding of a documented kind."""
    # The figures are the finding's own fields, of several types.
    return Finding(code, path, one_line(message, 1000), KINDS[code].incomplete, **figures)  # type: ignore[arg-type]


def every_kind() -> dict[str, Kind]:
    """Every kind of finding that there is, by code: of counts, claims, files and gradients."""
    from kerasaudit.backprop.check_kinds import KINDS as OF_CHECKS
    from kerasaudit.backprop.update_kinds import KINDS as OF_UPDATES
    from kerasaudit.gradients.diagnosis import KINDS as OF_GRADIENTS
    from kerasaudit.observation.hazards import KINDS as OF_FILES

    return {**KINDS, **OF_FILES, **OF_GRADIENTS, **OF_CHECKS, **OF_UPDATES}
