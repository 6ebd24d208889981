"""CSV of a run: the table of kernels, written piece by piece."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas
import pytest

from kerasaudit import TargetError, report
from kerasaudit.gradients.tables import columns_of
from kerasaudit.reconciliation.result import Failure

PLAIN = """\
session,step,epoch,optimizer,layer,weight,kernel,size,tap,status,l2,max_abs
0,0,0,optimizer,dense,kernel,0,4,raw,ok,4.0,2.0
0,0,0,optimizer,dense,kernel,1,4,raw,ok,nan,inf
0,,,,'=b,bias,0,1,,frozen,,
"""


def test_what_is_not_a_number_is_told_from_what_there_is_not(runs) -> None:
    assert report.render([runs.plain()], "csv") == PLAIN


def test_it_reads_back(runs) -> None:
    frame = pandas.read_csv(io.StringIO(report.render([runs.plain()], "csv")))
    assert list(frame.columns) == list(columns_of("kernels", ("l2", "max_abs")))
    assert frame["l2"].isna().tolist() == [False, True, True]


def test_categories_and_nullable_columns(runs) -> None:
    first, _ = runs.plain_frames()
    first["layer"] = pandas.Categorical(["=a", None], categories=["=a", "\x1b"])
    first["step"] = pandas.array([3, None], dtype="Int64")
    first["histogram"] = [[1, 2], [3, 4]]
    run = replace(runs.plain(), kernel_frames=lambda: iter([first]), statistics=("histogram",))
    lines = report.render([run], "csv").splitlines()
    assert lines[1:] == [
        "0,3,0,optimizer,'=a,kernel,0,4,raw,ok,1 2",
        "0,,0,optimizer,,kernel,1,4,raw,ok,3 4",
    ]


def test_several_runs_are_told_apart(runs) -> None:
    frame = pandas.read_csv(io.StringIO(report.render([runs.plain(), runs.plain()], "csv")))
    assert list(frame["run"]) == ["plain"] * 6


def test_pieces_are_written_as_they_come(runs) -> None:
    asked = []

    def frames():
        for frame in runs.plain_frames():
            asked.append(frame)
            yield frame

    pieces = report.formats(type(runs.plain()))["csv"].render(
        [replace(runs.plain(), kernel_frames=frames)]
    )
    assert asked == []
    assert next(iter(pieces)).startswith("session,")
    next(iter(pieces))
    assert len(asked) == 1


def test_without_the_table_it_says_so(trained) -> None:
    with pytest.raises(TargetError, match="digits: the table of its kernels is not at hand"):
        report.render([trained], "csv")
    with pytest.raises(TargetError, match="gone: no such run"):
        report.formats(type(trained))["csv"].render([Failure("gone", "no such run")])
