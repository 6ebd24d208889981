"""The stores: what goes in comes out, evenly thinned or in whole parts, whatever dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.gradients import part_writer
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.store import MemoryStore, ParquetStore, open_store
from kerasaudit.gradients.tables import TABLES
from tests.gradients.blocks import SMALL, assert_same, block, entry, runs

ROOT = Path(__file__).parents[2]


def begun(store, inventory=SMALL, statistics=("l2",), **about):
    store.begin(inventory, statistics, about, every=1)
    return store


def written(path, blocks, inventory=SMALL, statistics=("l2",), **kwargs):
    """A run of one session, closed."""
    store = begun(ParquetStore(path, **kwargs), inventory, statistics)
    for one in blocks:
        store.append(one)
    store.end()
    return path


def parts(path, table="kernels"):
    return sorted(entry.name for entry in (path / table).iterdir())


# --- in memory -------------------------------------------------------------------------------


def test_in_memory_blocks_come_back_by_session():
    store = begun(MemoryStore())
    store.append(block(steps=(0, 1)))
    assert store.begin(SMALL, ("l2",), {"fit": 2}, every=5) == 1
    store.append(block(steps=(2,)))
    store.end()
    assert [one.closed for one in store.sessions] == [True, True]
    assert (store.sessions[1].about, store.sessions[1].every) == ({"fit": 2}, 5)
    assert [b.steps.tolist() for b in store.blocks(0)] == [[0, 1]]
    assert [b.steps.tolist() for b in store.blocks(1)] == [[2]]
    assert list(store.frame("steps")["session"]) == [0, 0, 1]
    with pytest.raises(ConfigError, match="no session 2; there are 2, from 0"):
        list(store.blocks(2))


def test_beyond_its_limit_it_keeps_every_second_step_then_every_fourth():
    step = block().nbytes
    store = begun(MemoryStore(limit=8 * step))
    store.append(block(steps=range(8)))
    assert store.thinned == 1
    store.append(block(steps=(8,)))
    assert store.thinned == 2
    assert store.frame("steps")["step"].tolist() == [0, 2, 4, 6, 8]
    store.append(block(steps=range(9, 17)))
    assert store.thinned == 4
    assert store.frame("steps")["step"].tolist() == [0, 4, 8, 12, 16]
    assert store.nbytes == 5 * step


@given(
    st.lists(st.tuples(st.sampled_from(["raw", "applied"]), st.integers(0, 7)), max_size=30),
    st.integers(0, 40),
    st.integers(1, 300),
)
@settings(max_examples=100, deadline=None)
def test_what_is_kept_is_evenly_spaced_from_the_first_step_and_within_the_limit(given, limit, join):
    given_steps = {"raw": [], "applied": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerasaudit.gradients.memory_store._SMALL", join)
        store = begun(MemoryStore(limit=limit * block().nbytes))
        for tap, n in given:
            start = 3 * len(given_steps[tap])
            steps = range(start, start + 3 * n, 3)
            given_steps[tap] += steps
            store.append(block(steps=steps, tap=tap))
    stride = store.thinned
    assert stride & (stride - 1) == 0
    streams = 0
    for tap, steps in given_steps.items():
        kept = [b for b in store.blocks() if b.tap == tap]
        assert [s for b in kept for s in b.steps.tolist()] == steps[::stride]
        for b in kept:
            np.testing.assert_array_equal(b.of("l2")[:, 4], 100.0 * b.steps + 4)
        streams += bool(steps)
    assert store.nbytes == sum(b.nbytes for b in store.blocks())
    assert store.nbytes <= max(limit, streams) * block().nbytes
    if sum(map(len, given_steps.values())) <= limit:
        assert stride == 1


def test_small_blocks_are_joined_so_that_many_single_steps_cost_little():
    store = begun(MemoryStore())
    for step in range(1000):
        store.append(block(steps=(step,)))
    assert [len(b) for b in store.blocks()] == [1000]


@pytest.mark.parametrize("make", [MemoryStore, ParquetStore])
def test_a_block_outside_of_a_session_is_refused(make, tmp_path):
    store = make() if make is MemoryStore else make(tmp_path / "run")
    with pytest.raises(ConfigError, match="before a session was begun"):
        store.append(block())
    begun(store).end()
    with pytest.raises(ConfigError, match="before a session was begun"):
        store.append(block())


# --- in a folder: what is in it ----------------------------------------------------------------


@given(runs(), st.integers(1, 3000), st.integers(1, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_appended_is_read_back(run, part_bytes, rows_at_once, data):
    inventory, blocks = run
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_writer, "CHUNK_ROWS", rows_at_once)
        patch.setattr(os, "fsync", lambda handle: None)
        store = ParquetStore(Path(folder, "run"), part_bytes=part_bytes)
        begun(store, inventory, ("max_abs", "histogram", "l2"))
        for one in blocks:
            store.append(one)
            if data.draw(st.booleans()):
                store.flush()
        assert_same(store.blocks(), blocks)
        store.end()
        run = open_store(store.path)
        assert run.inventory(0) == inventory
        assert_same(run.blocks(), blocks)
        assert_same(run.blocks(0, ["l2"]), [only_l2(one) for one in blocks])
        for file in store.path.glob("kernels/*.parquet"):
            assert pandas.read_parquet(file)["step"].is_monotonic_increasing
        memory = begun(MemoryStore(), inventory, ("max_abs", "histogram", "l2"))
        for one in blocks:
            memory.append(one)
        for table in TABLES:
            assert_same_rows(run.frame(table), memory.frame(table))


def only_l2(one):
    names = tuple(name for name in one.statistics if name == "l2")
    values = one.of("l2")[:, None] if names else one.values[:, :0]
    return block_like(one, statistics=names, values=values, histogram=None, elements={})


def block_like(one, **changes):
    names = [name for name in type(one).__dataclass_fields__ if name not in changes]
    return type(one)(**{name: getattr(one, name) for name in names}, **changes)


def assert_same_rows(ours, theirs):
    """The same rows in any order: parts are sorted by step, memory is in order of arrival."""
    assert list(ours.columns) == list(theirs.columns)
    assert sorted(map(str, ours.to_dict("records"))) == sorted(map(str, theirs.to_dict("records")))


RAW = block(
    steps=(3, 4),
    statistics=("max_abs", "l2"),
    histogram=np.arange(2 * 5 * 20, dtype=np.int32).reshape(2, 5, 20),
    loss=np.array([np.nan, 9.0]),
    loss_known=np.array([True, False]),
    learning_rate=np.array([0.5, np.nan]),
    elements={1: (np.array([[1.0, 2.0], [3.0, np.nan]]), np.array([[5.0, 6.0], [7.0, 8.0]]))},
)
APPLIED = block(steps=(3, 4), tap="applied", present=np.array([False, True]))
ASKED = ("max_abs", "histogram", "l2")


@pytest.fixture
def example(tmp_path):
    return written(tmp_path / "run", [RAW, APPLIED], statistics=ASKED)


def test_the_parts_are_plain_parquet_for_duckdb(example):
    rows = duckdb.sql(
        f"SELECT step, tap, layer, weight, kernel, size, status, max_abs, l2, histogram[2] "
        f"FROM '{example}/kernels/*.parquet'"
    ).fetchall()
    assert rows == [
        (3, "raw", "conv", "kernel", 0, 2, "ok", 300.0, 310.0, 1),
        (3, "raw", "conv", "kernel", 1, 2, "ok", 301.0, 311.0, 21),
        (3, "raw", "conv", "kernel", 2, 2, "ok", 302.0, 312.0, 41),
        (3, "raw", "out", "bias", 0, 1, "ok", 303.0, 313.0, 61),
        (3, "raw", "out", "bias", 1, 1, "ok", 304.0, 314.0, 81),
        (3, "applied", "out", "bias", 0, 1, "ok", None, 303.0, None),
        (3, "applied", "out", "bias", 1, 1, "ok", None, 304.0, None),
        (4, "raw", "conv", "kernel", 0, 2, "ok", 400.0, 410.0, 101),
        (4, "raw", "conv", "kernel", 1, 2, "ok", 401.0, 411.0, 121),
        (4, "raw", "conv", "kernel", 2, 2, "ok", 402.0, 412.0, 141),
        (4, "raw", "out", "bias", 0, 1, "ok", 403.0, 413.0, 161),
        (4, "raw", "out", "bias", 1, 1, "ok", 404.0, 414.0, 181),
        (4, "applied", "out", "bias", 0, 1, "ok", None, 403.0, None),
        (4, "applied", "out", "bias", 1, 1, "ok", None, 404.0, None),
    ]
    steps = duckdb.sql(
        "SELECT step, tap, learning_rate, isnan(loss), loss_known, loss_scale "
        f"FROM '{example}/steps/*.parquet' ORDER BY tap DESC, step"
    ).fetchall()
    assert steps[:2] == [(3, "raw", 0.5, True, True, 1.0), (4, "raw", None, None, False, 1.0)]
    elements = duckdb.sql(
        f"SELECT step, layer, kernel, index, value, gradient FROM '{example}/elements/*.parquet'"
    ).fetchall()
    assert elements[:3] == [
        (3, "out", 0, "0", 5.0, 1.0),
        (3, "out", 1, "1", 6.0, 2.0),
        (4, "out", 0, "0", 7.0, 3.0),
    ]
    assert np.isnan(elements[3][-1])


def test_pandas_and_arrow_read_the_folder_as_one_table(example):
    frame = pandas.read_parquet(example / "kernels")
    assert len(frame) == 2 * 5 + 2 * 2
    assert frame["step"].dtype == np.int64
    dataset = pyarrow.dataset.dataset(example / "kernels")
    assert dataset.count_rows(filter=pyarrow.dataset.field("layer") == "conv") == 2 * 3
    weights = pandas.read_parquet(example / "weights")
    assert weights["shape"].tolist() == ["(2, 1, 3)", "(4,)", "(2,)"]
    assert weights["kernels"].tolist() == [3, 4, 2]
    assert weights["reason"].isna().tolist() == [True, False, True]


# What Parquet has of itself, and what Spark's vectorised reader knows.
PHYSICAL = {"INT32", "INT64", "FLOAT", "DOUBLE", "BOOLEAN", "BYTE_ARRAY"}
ENCODINGS = {"PLAIN", "RLE", "PLAIN_DICTIONARY", "RLE_DICTIONARY"}


@pytest.mark.parametrize("table", TABLES)
def test_no_reader_needs_more_than_standard_types_and_encodings(example, table):
    (path,) = (example / table).iterdir()
    file = pyarrow.parquet.ParquetFile(path)
    assert set(file.metadata.metadata or {}) <= {b"kerasaudit"}
    plain = {
        "category": pyarrow.string(),
        "string": pyarrow.string(),
        "object": pyarrow.string(),
        "bool": pyarrow.bool_(),
    }
    for field in file.schema_arrow:
        dtype = TABLES[table][field.name][0]
        want = plain.get(dtype) or pyarrow.type_for_alias(dtype.lower())
        want = pyarrow.list_(pyarrow.int32()) if field.name == "histogram" else want
        assert field.type.equals(want), field
    group = file.metadata.row_group(0)
    for index in range(group.num_columns):
        column = group.column(index)
        assert column.physical_type in PHYSICAL
        assert set(column.encodings) <= ENCODINGS
        assert column.compression == "ZSTD"
        if column.physical_type == "BYTE_ARRAY":
            assert "RLE_DICTIONARY" in column.encodings


def test_a_part_is_written_when_there_is_enough_and_no_larger(tmp_path):
    step = block().nbytes
    store = begun(ParquetStore(tmp_path / "run", part_bytes=10 * step + 2048 + 64 * 10))
    store.append(block(steps=(0,)))
    assert parts_of_steps(store.path) == []
    store.append(block(steps=range(1, 200)))  # far more than a part may have
    store.end()
    written_steps = parts_of_steps(store.path)
    assert [step for steps in written_steps for step in steps] == list(range(200))
    assert max(map(len, written_steps)) * step <= store.part_bytes + step
    assert len(written_steps) > 1


def parts_of_steps(path):
    files = sorted((path / "steps").glob("*.parquet"))
    return [pandas.read_parquet(file)["step"].tolist() for file in files]


def test_weights_that_turn_out_to_have_no_gradient_are_told_while_training_runs(tmp_path):
    store = begun(ParquetStore(tmp_path / "run"))

    def statuses():
        return pandas.read_parquet(store.path / "weights")["status"].tolist()

    assert statuses() == ["recorded", "frozen", "recorded"]
    store.append(block(present=np.array([False, True])))
    store.flush()
    assert statuses() == ["disconnected", "frozen", "recorded"]
    store.append(block(steps=(1,)))
    store.flush()
    assert statuses() == ["recorded", "frozen", "recorded"]


def test_alternating_gradients_share_parts_and_come_back_in_order(tmp_path):
    masks = [np.array([True, False]), np.array([False, True])]
    blocks = [
        block(
            steps=(step,),
            optimizer="tape",
            present=masks[step % 2],
            values=np.where(np.repeat(masks[step % 2], [3, 2]), 1.0 * step, np.nan)[None, None],
        )
        for step in range(50)
    ]
    run = open_store(written(tmp_path / "run", blocks))
    assert parts(run.path) == ["part-0000-000000.parquet"]
    assert [b.steps.tolist() for b in run.blocks()] == [[step] for step in range(50)]
    assert_same(run.blocks(), blocks)


def test_steps_that_begin_anew_begin_a_part_so_that_parts_stay_sorted(tmp_path):
    blocks = [block(steps=(5, 6)), block(steps=(0, 1))]
    run = open_store(written(tmp_path / "run", blocks))
    assert parts(run.path, "steps") == [f"part-0000-00000{n}.parquet" for n in (0, 1)]
    assert [b.steps.tolist() for b in run.blocks()] == [[5, 6], [0, 1]]


def test_a_model_without_recorded_weights_still_has_steps(tmp_path):
    inventory = Inventory((entry("norm", "gamma", (4,), (0,), "frozen"),))
    run = open_store(written(tmp_path / "run", [block(inventory, steps=range(3))], inventory))
    assert not (run.path / "kernels").exists()
    assert run.frame("steps")["step"].tolist() == [0, 1, 2]
    assert run.frame("kernels")["status"].tolist() == ["frozen"] * 4
    assert [b.values.shape for b in run.blocks()] == [(3, 1, 0)]


# --- sessions -----------------------------------------------------------------------------------


def test_opening_it_again_appends_a_session_with_an_inventory_of_its_own(tmp_path):
    path = written(tmp_path / "run", [block(steps=range(3))], statistics=("l2",))
    other = Inventory((entry("out", "bias", (2,), (0,)),))
    more = block(other, steps=range(3, 5), statistics=("std",))
    written(path, [more], other, ("std",))
    run = open_store(path)
    assert [one.session for one in run.sessions] == [0, 1]
    assert [one.closed for one in run.sessions] == [True, True]
    assert run.inventory(0) == SMALL
    assert run.inventory(1) == other
    assert_same(run.blocks(0), [block(steps=range(3))])
    assert_same(run.blocks(1), [more])
    frame = run.frame("kernels", tap="raw")
    assert list(frame.columns[-2:]) == ["l2", "std"]
    assert frame["l2"].isna().tolist() == [False] * 15 + [True] * 4
    # Readers go by the columns of the first part: later ones have at least those.
    assert len(duckdb.sql(f"SELECT l2 FROM '{path}/kernels/*.parquet'").fetchall()) == 15 + 4
    assert len(pandas.read_parquet(path / "kernels")) == 15 + 4
    with pytest.raises(ConfigError, match="no session 2; there are 2, from 0"):
        run.inventory(2)


def test_run_json_says_what_was_recorded(tmp_path):
    store = ParquetStore(tmp_path / "run")
    assert store.begin(SMALL, ASKED, {"model": "net", "keras": "3.15"}, every=10) == 0
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    assert document["schema_version"] == 1
    (session,) = document["sessions"]
    assert session["session"] == 0
    assert session["about"] == {"model": "net", "keras": "3.15"}
    assert session["statistics"] == list(ASKED)
    assert session["every"] == 10
    assert session["closed"] is False
    assert [row["layer"] for row in session["inventory"]] == ["conv", "norm", "out"]
    store.end()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["sessions"][0]["closed"] is True
    with pytest.raises(ConfigError, match="expected what JSON can say"):
        store.begin(SMALL, ASKED, {"model": object()}, every=1)


def test_a_run_is_read_while_it_is_written(tmp_path):
    store = begun(ParquetStore(tmp_path / "run"))
    store.append(block(steps=(0, 1)))
    store.flush()
    store.append(block(steps=(2,)))
    run = open_store(store.path)
    assert [b.steps.tolist() for b in run.blocks()] == [[0, 1]]
    assert run.sessions[0].closed is False
    assert [b.steps.tolist() for b in store.blocks()] == [[0, 1], [2]]
    assert store.frame("steps")["step"].tolist() == [0, 1, 2]
    assert [b.steps.tolist() for b in run.blocks()] == [[0, 1], [2]]


def test_only_one_records_into_a_run_at_a_time(tmp_path):
    store = ParquetStore(tmp_path / "run")
    with pytest.raises(TargetError, match=r"run: another recorder is writing into this run"):
        ParquetStore(tmp_path / "run")
    begun(store).end()
    other = begun(ParquetStore(tmp_path / "run"))
    with pytest.raises(TargetError, match="another recorder"):
        store.begin(SMALL, ("l2",), {}, every=1)
    other.end()
    assert store.begin(SMALL, ("l2",), {}, every=1) == 2


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("opened", [ParquetStore, open_store])
def test_what_is_not_a_run_is_refused_and_left_alone(opened, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TargetError, match=r"not a run of kerasaudit; expected"):
        opened(tmp_path)
    with pytest.raises(TargetError, match=r"notes\.txt: .*expected a folder"):
        opened(tmp_path / "notes.txt")
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("opened", [ParquetStore, open_store])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 2}', r"schema_version 2 is of a newer kerasaudit; expected at most 1"),
        ('{"schema_version": "1"}', r"expected schema_version 1, found '1'"),
        ("[]", r"expected schema_version 1, found None"),
        ("{", r"run\.json: cannot be read"),
        ('{"schema_version": 1, "sessions": [{}]}', r"its sessions cannot be read: KeyError"),
    ],
)
def test_a_run_json_that_cannot_be_read_is_one_clear_line(opened, text, message, tmp_path):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(TargetError, match=message):
        opened(tmp_path)
    assert (tmp_path / "run.json").read_text() == text


def test_a_missing_folder_is_made_to_record_and_refused_to_read(tmp_path):
    with pytest.raises(TargetError, match=r"found no such folder"):
        open_store(tmp_path / "a")
    ParquetStore(tmp_path / "a" / "b")
    assert open_store(tmp_path / "a" / "b").sessions == ()


@pytest.mark.parametrize("table", ["kernels", "steps", "elements"])
@pytest.mark.parametrize("damage", ["cut", "foreign", "missing"])
def test_a_damaged_part_is_one_clear_line_that_names_it(example, table, damage):
    (path,) = (example / table).iterdir()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "foreign":
        pandas.DataFrame({"a": [1]}).to_parquet(path)
    else:
        path.unlink()
    run = open_store(example)
    if (table, damage) == ("steps", "missing"):  # what a closed session says it has is gone
        with pytest.raises(TargetError, match="expected 1 parts of session 0, found 0"):
            list(run.blocks())
        return
    words = "missing" if damage == "missing" else "truncated, or not a part of this run"
    with pytest.raises(TargetError, match=rf"{table}/part-0000-000000\.parquet: {words}"):
        list(run.blocks())


def test_a_part_of_another_run_is_refused(example, tmp_path):
    (source,) = (example / "steps").iterdir()
    source.rename(source.with_name("part-0007-000000.parquet"))
    with pytest.raises(TargetError, match=r"part-0007-000000\.parquet: .*expected a session of"):
        list(open_store(example).blocks())


def test_without_pyarrow_it_says_what_to_install_before_training(example, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    for opened, path in ((ParquetStore, tmp_path / "new"), (open_store, example)):
        with pytest.raises(TargetError, match=r"needs pyarrow: pip install 'kerasaudit\[parquet\]"):
            opened(path)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    store = begun(ParquetStore(tmp_path / "run"))
    (tmp_path / "run" / "kernels").write_text("in the way")
    store.append(block())
    with pytest.raises(TargetError, match=r"kernels/part-0000-000000\.parquet: cannot be written"):
        store.flush()
    (tmp_path / "run" / "kernels").unlink()
    store.flush()  # nothing that was taken is lost by the failure
    assert_same(open_store(store.path).blocks(), [block()])
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match=r"file/run: cannot be written: Not a directory"):
        ParquetStore(tmp_path / "file" / "run")


FULL_DISK = """
import resource, sys
import numpy as np
from kerasaudit.errors import TargetError
from kerasaudit.gradients.store import ParquetStore
from tests.gradients.blocks import SMALL, block

store = ParquetStore(sys.argv[1])
store.begin(SMALL, ("l2",), {}, every=1)
store.append(block(steps=(0,)))
store.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # no file can grow beyond this
noise = np.random.default_rng(0).normal(size=(4096, 1, 5))
store.append(block(steps=range(1, 4097), values=noise.astype("float32")))
try:
    store.end()
except TargetError as error:
    print(error)
"""


def test_a_full_disk_is_one_clear_line_and_leaves_whole_parts_only(tmp_path):
    done = script(FULL_DISK, tmp_path / "run")
    assert re.fullmatch(
        r".*kernels/part-0000-000001\.parquet: cannot be written: File too large\n", done.stdout
    ), done
    run = open_store(tmp_path / "run")
    assert_same(run.blocks(), [block(steps=(0,))])
    assert parts(run.path) == ["part-0000-000000.parquet"]
    ParquetStore(tmp_path / "run")  # the lock is free again


def script(text, *arguments, **kwargs):
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, **kwargs
    )


# --- kill -9 ------------------------------------------------------------------------------------

TRAIN = """
import sys
from kerasaudit.gradients.store import ParquetStore
from tests.gradients.blocks import SMALL, block

store = ParquetStore(sys.argv[1])
store.begin(SMALL, ("l2",), {}, every=1)
for step in range(0, 10**9, 8):
    store.append(block(steps=range(step, step + 8)))
    store.flush()
    print(step + 8, flush=True)
"""


def killed(path, after):
    """Run `TRAIN` until it has flushed `after` steps, kill it; how many it said it flushed."""
    command = [sys.executable, "-c", TRAIN, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        flushed = 0
        while flushed < after:
            flushed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()  # what it said before the signal reached it
    assert process.returncode == -signal.SIGKILL
    return int(rest[-1]) if rest else flushed


def test_killed_in_mid_training_it_holds_what_was_flushed_and_goes_on(tmp_path):
    path = tmp_path / "run"
    said = [killed(path, 40), killed(path, 64)]
    run = open_store(path)
    assert [one.closed for one in run.sessions] == [False, False]
    for session, flushed in enumerate(said):
        steps = [s for b in run.blocks(session) for s in b.steps.tolist()]
        # At most the part that was under way when the signal came is there without being said.
        assert steps in (list(range(flushed)), list(range(flushed + 8)))
        assert_same(run.blocks(session), [block(steps=steps)])
    files = [file for table in TABLES for file in (path / table).glob("*.parquet")]
    assert all(len(pyarrow.parquet.ParquetFile(file).read()) for file in files)
    kernels = duckdb.sql(f"SELECT count(*) FROM '{path}/kernels/*.parquet'").fetchall()[0][0]
    assert kernels >= 5 * sum(said)
    written(path, [block(steps=range(3))])
    assert [one.closed for one in open_store(path).sessions] == [False, False, True]
    assert_same(open_store(path).blocks(2), [block(steps=range(3))])


def test_what_a_killed_writer_left_half_written_is_removed_and_nothing_else(example):
    stale = [
        example / ".run.json.tmp",
        example / "kernels" / ".part-0000-000001.parquet.tmp",
        example / "steps" / ".part-0000-000001.parquet.tmp",
    ]
    others = [example / "kernels" / ".part-mine.tmp", example / "steps" / ".DS_Store"]
    for path in stale + others:
        path.write_bytes(b"half")
    assert len(list(open_store(example).blocks())) == 2
    assert len(pandas.read_parquet(example / "kernels")) == 2 * 5 + 2 * 2
    assert all(path.exists() for path in stale)  # whoever reads removes nothing
    ParquetStore(example)
    assert not any(path.exists() for path in stale)
    assert all(path.exists() for path in others)


def test_a_part_whose_steps_were_never_written_does_not_count(example):
    """Killed between the files of a part, the writer leaves figures without their steps."""
    source = example / "kernels" / "part-0000-000000.parquet"
    orphan = example / "kernels" / "part-0000-000001.parquet"
    orphan.write_bytes(source.read_bytes())
    assert [len(b) for b in open_store(example).blocks()] == [2, 2]
    assert len(open_store(example).frame("kernels", tap="raw")) == 2 * 5
