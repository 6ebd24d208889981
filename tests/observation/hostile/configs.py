"""Hostile configs: what they carry, and values that no model can have."""

from __future__ import annotations

import json

from tests.observation.hostile.making import (
    archived,
    call,
    compiled,
    dense,
    function,
    functional,
    inputs,
    legacy,
    legacy_model,
    model,
    named,
    node,
    parts,
    sequential,
)

_CODE = node("__lambda__", {"code": "4wAAAAA=", "defaults": None, "closure": None}, None)
_LAMBDA = named("Lambda", "f", function=_CODE)
_GET_FILE = function("get_file", "keras.utils")
_ACTIVATION = named("Activation", "act", activation=_GET_FILE)


def _without(layer, key):
    return {name: value for name, value in layer.items() if name != key}


def _wrapped(inner):
    return named("TimeDistributed", "each", layer=inner)


def _deep(levels, inner):
    for level in range(levels):
        inner = sequential(inner, name=f"level_{level}")
    return inner


# Name, config, codes that must be found, exit status. The hazard stands last in a model, or in a
# place that changes no shape, so that the rest is audited whole: the status is that of the hazard.
CARRYING = [
    ("lambda", model(_LAMBDA), {"KA301"}, 1),
    ("lambda_that_names_a_function", model(named("Lambda", "f", function=_GET_FILE)),
        {"KA301", "KA304", "KA308"}, 1),
    ("lambda_in_a_nested_model", model(sequential(_LAMBDA, name="inner", first=inputs(3))),
        {"KA301"}, 1),
    ("lambda_deep_inside", model(_deep(20, _LAMBDA)), {"KA301"}, 2),
    ("lambda_in_a_wrapper", sequential(_wrapped(_LAMBDA)), {"KA301"}, 2),
    ("lambda_as_a_loss", compiled(model(), loss=_CODE), {"KA301"}, 1),
    ("lambda_among_metrics", compiled(model(), metrics=[[_CODE], "accuracy"]), {"KA301"}, 1),
    ("lambda_as_an_activation", model(named("Activation", "act", activation=_CODE)), {"KA301"}, 1),
    ("lambda_as_a_regularizer", sequential(dense(kernel_regularizer=_CODE)), {"KA301"}, 1),
    ("lambda_without_a_module", model(_without(_LAMBDA, "module")), {"KA301", "KA303"}, 1),
    ("class_of_the_operating_system", model(named("system", "x", "os", command="id")),
        {"KA302"}, 2),
    ("module_that_begins_as_keras", model(named("Dense", "d", "keras_evil.layers", units=3)),
        {"KA302"}, 2),
    ("module_that_goes_on_after_layers", model(named("Dense", "d", "kerasx.layers", units=3)),
        {"KA302"}, 2),
    ("module_below_layers", model(named("Dense", "d", "keras.layers.evil", units=3)),
        {"KA302"}, 1),
    ("part_of_keras_that_is_no_layer", model(named("get_file", "d", "keras.src.utils")),
        {"KA302", "KA308"}, 2),
    ("add_on_package", model(named("Backbone", "d", "keras_hub.models")), {"KA302"}, 2),
    ("custom_class", model(node("Scale", {"name": "s"}, "shop", registered_name="shop>Scale")),
        {"KA302", "KA108"}, 2),
    ("custom_name_on_a_known_class",
        model({**dense("d"), "registered_name": "shop>Dense"}), {"KA302"}, 1),
    ("module_with_a_space", model(named("Dense", "d", "keras.layers ", units=3)), {"KA302"}, 1),
    ("optimizer_from_elsewhere",
        compiled(model(), optimizer=named("Popen", "o", "subprocess", args="id")), {"KA302"}, 1),
    ("initializer_from_elsewhere",
        sequential(dense(kernel_initializer=named("run", "i", "subprocess"))), {"KA302"}, 1),
    ("layer_without_a_module", sequential(_without(dense(), "module")), {"KA303"}, 1),
    ("gadget_as_an_activation", model(_ACTIVATION), {"KA304", "KA308"}, 1),
    ("gadget_that_ends_the_safe_mode",
        compiled(model(), loss=function("enable_unsafe_deserialization", "keras.config")),
        {"KA304"}, 1),
    ("gadget_that_loads_models", compiled(model(), loss=function("load_model", "keras.models")),
        {"KA304"}, 1),
    ("function_of_the_operating_system", compiled(model(), loss=function("system", "os")),
        {"KA304"}, 1),
    ("custom_function", compiled(model(), loss=function("shop>loss", "shop")), {"KA304"}, 1),
    ("standardize_of_its_own",
        sequential(named("TextVectorization", "t", standardize=_GET_FILE, vocabulary=["a"])),
        {"KA304", "KA308"}, 2),
    ("saved_model", model(named("TFSMLayer", "t", filepath="gs://bucket/model")), {"KA305"}, 2),
    ("torch_module", model(node("TorchModuleWrapper", {"name": "t", "module": "gASVAAAA"})),
        {"KA306"}, 2),
    ("pickle_in_a_text", sequential(dense(note="gASVKAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU")),
        {"KA306"}, 1),
    ("vocabulary_from_a_file",
        sequential(named("StringLookup", "s", vocabulary="/etc/passwd")), {"KA307"}, 1),
    ("vocabulary_from_an_address",
        sequential(named("IntegerLookup", "s", vocabulary="http://169.254.169.254/")),
        {"KA307"}, 1),
    ("name_that_leads_out", sequential(dense("../../etc/cron.d/x")), {"KA318"}, 1),
    ("name_with_a_slash", sequential(dense("a/b")), {"KA318"}, 1),
    ("name_that_clears_the_screen", sequential(dense("\x1b[2Jdense")), {"KA318"}, 1),
    ("name_that_turns_around", sequential(dense("\u202egnihton")), {"KA318"}, 1),
    ("name_with_half_a_character", sequential(dense("\ud800")), {"KA318"}, 1),
    ("huge_constant",
        sequential(dense(note=node("__numpy__", {"value": [0] * 100_001, "dtype": "int8"}, None))),
        {"KA319"}, 1),
    ("type_specification",
        compiled(model(), loss={
            "class_name": "__typespec__", "spec_name": "Popen", "module": "subprocess",
            "config": [], "registered_name": None,
        }),
        {"KA320"}, 1),
]  # fmt: skip

# Values that no layer can have; the codes are those of an audit's, or none where it is an error.
WRONG = [
    ("units_negative", sequential(dense(units=-1)), {"KA109"}, 2),
    ("units_zero", sequential(dense(units=0)), {"KA109"}, 2),
    ("units_true", sequential(dense(units=True)), {"KA109"}, 2),
    ("units_a_text", sequential(dense(units="3")), {"KA109"}, 2),
    ("units_not_a_number", sequential(dense(units=float("nan"))), {"KA109"}, 2),
    ("units_without_end", sequential(dense(units=float("inf"))), {"KA109"}, 2),
    ("units_a_list", sequential(dense(units=[3])), {"KA109"}, 2),
    ("units_null", sequential(dense(units=None)), {"KA109"}, 2),
    ("input_negative", sequential(dense(), first=inputs(-4)), set(), 2),
    ("input_a_text", sequential(dense(), first=inputs("4")), set(), 2),
    ("layers_no_list", named("Sequential", "m", "keras", layers={"0": dense()}), set(), 2),
    ("layers_of_numbers", named("Sequential", "m", "keras", layers=[1, 2, 3]), set(), 2),
    ("layer_with_no_config", sequential({"class_name": "Dense", "config": None}), set(), 2),
    ("layer_with_a_number_for_its_class", sequential({**dense(), "class_name": 7}), set(), 2),
    ("unknown_layer", sequential(named("Nonsense", "n")), {"KA302", "KA108"}, 2),
    ("two_layers_of_one_name", sequential(dense("a"), dense("a")), {"KA109"}, 2),
    ("name_a_list", sequential(dense(["a"])), set(), 2),
    ("calls_in_a_circle",
        functional(
            [(dense("a", units=4), [call(("b", 0, 0))]),
             (dense("b", units=4), [call(("a", 0, 0))])],
            [["b", 0, 0]],
        ),
        set(), 2),
    ("call_of_itself",
        functional([(dense("a", units=4), [call(("a", 0, 0))])], [["a", 0, 0]]), set(), 2),
    ("call_of_nothing",
        functional([(dense("a"), [call(("nowhere", 0, 0))])], [["a", 0, 0]]), set(), 2),
    ("call_of_a_negative_number",
        functional([(dense("a"), [call(("input", -1, -1))])], [["a", 0, 0]]), set(), 2),
    ("call_of_a_huge_number",
        functional([(dense("a"), [call(("input", 10**30, 0))])], [["a", 0, 0]]), set(), 2),
    ("end_that_is_not_there",
        functional([(dense("a"), [call(("input", 0, 0))])], [["b", 0, 0]]), set(), 2),
    ("calls_no_list",
        functional([(dense("a"), ["input"])], [["a", 0, 0]]), set(), 2),
]  # fmt: skip

_TEXT = json.dumps(model())
# Bytes that are no config, and those that are too much of one.
BROKEN = [
    ("empty", b""),
    ("not_an_object", b"[]"),
    ("a_number", b"7"),
    ("null", b"null"),
    ("cut_short", _TEXT.encode()[:-20]),
    ("two_of_them", (_TEXT + _TEXT).encode()),
    ("invalid_utf_8", _TEXT.replace("dense", "d\xff").encode("latin-1")),
    ("utf_16", _TEXT.encode("utf-16")),
    ("a_number_of_a_million_digits", b'{"class_name": ' + b"1" * 1_000_000 + b"}"),
    ("python", b"{'class_name': 'Sequential'}"),
]
ENDLESS = [
    ("nested_without_end", b"[" * 10_000),
    ("nested_deeply", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ("nested_somewhat_deeply", b'{"a":' * 300 + b"1" + b"}" * 300),
    ("of_a_million_values", b"[" + b"1," * 2_000_000 + b"1]"),
]


def config_files():
    """Each as (name, suffix, bytes, codes, status), as JSON and in an archive."""
    for name, config, codes, status in CARRYING:
        yield f"carrying_{name}", ".json", json.dumps(config).encode(), codes, status
    for name, config, codes, status in WRONG:
        yield f"wrong_{name}", ".json", json.dumps(config).encode(), codes, status
    for code, broken in (("KA350", BROKEN), ("KA351", ENDLESS)):
        for name, data in broken:
            yield f"broken_{name}", ".json", data, {code}, 2
            archive = archived(parts(**{"config.json": data}))
            yield f"archive_broken_{name}", ".keras", archive, {code}, 2
    # RFC 8259, 8.1: whoever reads JSON may pass over it; editors write it.
    yield "byte_order_mark", ".json", b"\xef\xbb\xbf" + _TEXT.encode(), set(), 0
    huge = json.dumps(sequential(dense(units=12345))).replace("12345", "9" * 30)
    yield "units_huge", ".json", huge.encode(), {"KA109"}, 2
    for name in ("lambda", "lambda_as_a_loss", "gadget_that_ends_the_safe_mode"):
        config = next(config for each, config, *_ in CARRYING if each == name)
        codes = next(codes for each, _, codes, _ in CARRYING if each == name)
        yield f"archive_{name}", ".keras", archived(parts(config)), codes, 1
    old = {"class_name": "Lambda", "config": {
        "name": "f", "function": ["4wAAAAA=", None, None], "function_type": "lambda",
        "output_shape": None, "output_shape_type": "raw", "arguments": {},
    }}  # fmt: skip
    yield "legacy_lambda", ".h5", legacy(legacy_model(old)), {"KA301"}, 1
    op = {"class_name": "TFOpLambda", "config": {"name": "op", "function": "io.read_file"}}
    yield "legacy_operation_that_reads", ".h5", legacy(legacy_model(op)), {"KA302"}, 2
    yield "legacy_not_json", ".h5", legacy(b"{"), {"KA350"}, 2
