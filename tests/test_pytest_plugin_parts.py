"""The pytest plugin in parts: sources read, findings parted among tests, assertions in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kerasaudit as ka
from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.pytest_plugin import AuditedModel
from kerasaudit.pytest_plugin.declared import DeclaredClaim, read_builders
from kerasaudit.pytest_plugin.parts import (
    BudgetPart,
    ClaimPart,
    LayerPart,
    LayersPart,
    ModelPart,
    named_apart,
)
from kerasaudit.reconciliation.policy import Policy
from tests.plugged import CONV, CONV_MACS, DENSE, DENSE_MACS, conv, dense, flat, net, unknown

FOUND = net(conv(), flat(), dense())


# -- sources -------------------------------------------------------------------------------------


def read(folder, source):
    path = folder / "nets.py"
    path.write_text(source)
    return read_builders(path)


@pytest.mark.parametrize(
    ("imported", "mark"),
    [
        ("from kerasaudit import builder", "builder"),
        ("from kerasaudit import builder as b", "b"),
        ("from kerasaudit import *", "builder"),
        ("from kerasaudit import zoo", "zoo.builder"),
        ("from kerasaudit.zoo import builder", "builder"),
        ("import kerasaudit", "kerasaudit.builder"),
        ("import kerasaudit.zoo", "kerasaudit.zoo.builder"),
        ("import kerasaudit.zoo as z", "z.builder"),
        ("import kerasaudit as ka", "ka.zoo.builder"),
        ("try:\n    import kerasaudit as ka\nexcept ImportError:\n    ka = None", "ka.builder"),
    ],
)
def test_a_builder_is_known_by_whatever_it_was_imported_as(tmp_path, imported, mark):
    found = read(tmp_path, f"{imported}\n@{mark}(source='s')\ndef net(): ...\n")
    assert [(one.name, one.claims) for one in found.builders] == [("net", ())]
    assert not found.others


@pytest.mark.parametrize(
    "source",
    [
        "import kerasaudit\ndef builder(**o): ...\n@builder(source='s')\ndef net(): ...\n",
        "# kerasaudit\n@builder(source='s')\ndef net(): ...\n",
        "from elsewhere import kerasaudit\n@kerasaudit.builder(source='s')\ndef net(): ...\n",
        "x = 1\n",
        "",
    ],
)
def test_what_is_named_alike_is_no_builder(tmp_path, source):
    assert not read(tmp_path, source)


def test_builders_made_in_functions_and_methods_are_others(tmp_path):
    start = "from kerasaudit import builder\n"
    nested = "def f():\n    @builder(source='s')\n    def net(): ...\n    return net\n"
    assert read(tmp_path, start + nested).others
    held = "class Nets:\n    @builder(source='s')\n    def net(): ...\n"
    assert read(tmp_path, start + held).others
    assert read(tmp_path, f"{start}mark = builder\n").others
    several = "match 1:\n    case 1:\n        @builder(source='s')\n        def net(): ...\n"
    assert [one.name for one in read(tmp_path, start + several).builders] == ["net"]


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ("[Claim('a', 1), Claim('b', 2, quantity='macs')]", [("a", "params"), ("b", "macs")]),
        ("(Claim(subject='a'),)", [("a", "params")]),
        ("[]", []),
        ("CLAIMS", None),
        ("[*CLAIMS]", None),
        ("[Claim(name, 1)]", None),
        ("[Claim('a', 1, quantity=q)]", None),
        ("[Claim('a', 1, **more)]", None),
        ("[claim('a', 1)]", None),
    ],
)
def test_claims_are_known_where_they_stand_in_the_source(tmp_path, claims, expected):
    source = f"from kerasaudit import *\n@builder(source='s', claims={claims})\ndef net(): ...\n"
    (builder,) = read(tmp_path, source).builders
    found = builder.claims
    assert (found and [(one.subject, one.quantity) for one in found]) == (expected or found)
    assert (found is None) == (expected is None)


@pytest.mark.parametrize("content", [b"kerasaudit (", b"\x00kerasaudit", b"\xffkerasaudit"])
def test_what_is_no_python_is_one_line(tmp_path, content):
    path = tmp_path / "nets.py"
    path.write_bytes(content)
    with pytest.raises(TargetError, match=r"^nets\.py: \w+Error: .*$"):
        read_builders(path)
    with pytest.raises(TargetError, match="FileNotFoundError"):
        read_builders(Path(tmp_path / "none.py"))


# -- findings and their tests --------------------------------------------------------------------


@given(
    listed=st.sets(st.sampled_from(["x", "conv", "scale", "dense", "gone"])),
    units=st.sampled_from([4, -1]),
    as_builder=st.booleans(),
)
def test_every_finding_is_of_exactly_one_test(listed, units, as_builder):
    claims = [  # told apart by their lines, where they speak of the same
        ka.Claim("conv", CONV + 1),
        ka.Claim("conv", "1 + 1 = 3"),
        ka.Claim("none", 1),
    ]
    asked = Policy(budgets=(ka.Budget("params", 1), ka.Budget("macs", 1, layer="conv")))
    audit = ka.audit(
        net(conv(), unknown(), flat(), dense(units=units)),
        claims=claims,
        budgets=asked.budgets,
        exempt={"nothing": "a waiver that applies to nothing"},
    )
    layers = [LayerPart(path, path) for path in sorted(listed)]
    parts = [
        *layers,
        *([LayersPart("layers", frozenset(listed))] if as_builder else []),
        *(
            ClaimPart("claims", DeclaredClaim(claim.subject, claim.quantity, 1), number)
            for number, claim in enumerate(claims)
        ),
        ModelPart("model", None if as_builder else frozenset(listed)),
        *(BudgetPart(BudgetPart.name_of(one), one) for one in asked.budgets),
    ]
    judged = [one for part in parts for one in part.judge(audit, asked).findings]
    assert sorted(map(_key, judged)) == sorted(map(_key, audit.findings))


def _key(finding):
    return finding.code, finding.path, finding.message


@given(st.lists(st.sampled_from(["a", "a#2", "model", "claims", "claims[a]", "layer[model]"])))
def test_ids_are_unique_and_say_which_layer(paths):
    parts = [*(LayerPart(path, path) for path in paths), ModelPart("model", None)]
    named = named_apart(parts)
    names = [part.name for part in named]
    assert len(set(names)) == len(names)
    assert names[-1] == "model"
    assert [part.path for part in named[:-1]] == paths
    assert all(path.rstrip("]") in name for path, name in zip(paths, names, strict=False))


def test_a_layer_or_claim_that_is_not_there_is_no_pass():
    audit = ka.audit(FOUND, claims=[ka.Claim("conv", CONV)])
    nothing = Policy()
    assert "no layer 'gone'" in LayerPart("gone", "gone").judge(audit, nothing).missing
    for number, subject in ((0, "dense"), (1, "conv")):
        part = ClaimPart("claims", DeclaredClaim(subject, "params", 1), number)
        assert "has no claim on" in part.judge(audit, nothing).missing


# -- assertions of a user's test -----------------------------------------------------------------


def test_what_matches_is_given_back_to_go_on_with():
    audited = AuditedModel(ka.audit(FOUND))
    assert audited.is_clean() is audited
    same = audited.matches(
        params=CONV + DENSE,
        trainable_params=CONV + DENSE,
        non_trainable_params=0,
        macs=CONV_MACS + DENSE_MACS,
        layers={"conv": CONV, "dense": "26·26·8·4 + 4", "flat": 0},
    ).within(max_params=CONV + DENSE, max_bytes=4 * (CONV + DENSE))
    assert same.within("conv", max_macs=CONV_MACS) is audited
    assert audited.matches(params="21.7K") is audited  # rounded, as sources have it


def test_a_figure_that_differs_is_shown_with_its_working():
    audited = AuditedModel(ka.audit(FOUND))
    with pytest.raises(AssertionError) as caught:
        audited.matches(params=CONV, layers={"conv": "3·3·1·8 = 72", "nowhere": 1})
    expected = [
        "net is not as expected",
        "  the model, parameters",
        f"    expected    {CONV}",
        f"    derived     {CONV + DENSE:,} = {CONV} + {DENSE:,}",
        f"    difference  {DENSE:+,}",
        "  conv, parameters",
        "    expected    72 = 3·3·1·8 = 72",
        f"    derived     {CONV} = kh·kw·C_in·K + K = 3·3·1·8 + 8",
        "    difference  +8",
        "  nowhere, parameters",
        (
            "    claim on 'nowhere': no layer has the path 'nowhere'; the model has "
            "x, conv, flat, dense"
        ),
    ]
    assert str(caught.value).splitlines() == expected


def test_what_is_not_known_does_not_match_and_is_not_within():
    audited = AuditedModel(ka.audit(net(conv(), unknown())))
    with pytest.raises(AssertionError, match="derived     unknown"):
        audited.matches(params=CONV)
    with pytest.raises(AssertionError, match="is not known"):
        audited.within(max_params="5M")
    with pytest.raises(AssertionError, match=r"net: incomplete\n(.*\n)*KA108"):
        audited.is_clean()


def test_what_is_over_a_budget_is_shown_with_what_takes_most():
    audited = AuditedModel(ka.audit(FOUND))
    with pytest.raises(AssertionError) as caught:
        audited.within(max_params="1k", max_macs=CONV_MACS + DENSE_MACS)
    total = CONV + DENSE
    assert str(caught.value).splitlines() == [
        "net takes more than it may",
        (
            f"  budget of 1,000 parameters: the model has {total:,}, {total - 1000:,} over it "
            f"({(total - 1000) / 1000:.1%})"
        ),
        f"    largest: dense  d·u + u = 5408·4 + 4 = {DENSE:,}",
        f"    largest: conv  kh·kw·C_in·K + K = 3·3·1·8 + 8 = {CONV}",
    ]
    with pytest.raises(AssertionError, match="for 'head': no layer has that path"):
        audited.within("head", max_params=1)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (lambda one: one.matches(), "expected a figure"),
        (lambda one: one.within(), "expected a limit"),
        (lambda one: one.within(max_params="many"), "max_params: expected a number"),
        (lambda one: one.within("conv", max_peak_activation_bytes=1), "is of a whole model"),
    ],
)
def test_an_assertion_of_nothing_is_refused(asked, line):
    with pytest.raises(ConfigError, match=line):
        asked(AuditedModel(ka.audit(FOUND)))
