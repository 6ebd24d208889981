"""Model files, and what becomes of them when something in them is changed.

`python -m tests.observation.mutations 20000` audits so many changed files, in a process that loads
no Keras, and prints how each ended, the slowest, and the most memory that was taken.
"""

from __future__ import annotations

import copy
import io
import json
import multiprocessing
import sys
import time
import warnings
import zipfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.observation.audited import SECONDS, audited

FOLDER = Path(__file__).parent.parent / "cases" / "mutations"
MEBIBYTES = 300

ODD_VALUES = st.sampled_from(
    [
        *(-1, 0, 1, 2**31, 2**70, -(2**70), True, None, 1.5, float("nan"), float("inf")),
        *("", "x", "../x", "\x1b[2J", "\udc80", "keras.utils.get_file"),
        *([], {}, [[]], [None], [-1, 0, 0], ["a", 0, 0]),
        *({"class_name": "Dense"}, {"class_name": "__lambda__", "config": {}}),
    ]
)
NUMBERS = st.sampled_from(
    [
        *(0, 1, 2, 7, 8, 96, 255, 512, 2048, 2**15, 2**16 - 1),
        *(2**31 - 1, 2**32 - 1, 2**32, 2**40, 2**62, 2**63, 2**64 - 1),
    ]
)


class Content(bytes):
    """Bytes that are not shown where hypothesis describes what it does."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@cache
def originals() -> dict[str, Content]:
    """The files that are changed, by name: small ones that Keras wrote (`make.py` beside them)."""
    return {path.name: Content(path.read_bytes()) for path in sorted(FOLDER.glob("net*"))}


@st.composite
def changed_bytes(draw, data: bytes) -> bytes:
    """The bytes with one to six of them changed, cut, doubled, or a number written over them."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        # Half of them in the first part, where the structure of small files is.
        end = draw(st.sampled_from([len(changed), min(len(changed), 2048)]))
        at = draw(st.integers(0, max(end - 1, 0)))
        kind = draw(st.sampled_from(["flip", "flip", "set", "number", "number", "copy", "cut"]))
        if kind == "flip" and changed:
            changed[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and changed:
            changed[at] = draw(st.sampled_from([0, 1, 127, 128, 255]))
        elif kind == "number":
            width = draw(st.sampled_from([2, 4, 8]))
            number = draw(NUMBERS | st.integers(0, len(changed)))
            changed[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")
        elif kind == "copy":
            length, to = draw(st.integers(1, 256)), draw(st.integers(0, len(changed)))
            changed[to : to + length] = changed[at : at + length]
        elif kind == "cut":
            length = draw(st.integers(1, 64) | st.just(len(changed)))
            del changed[at : at + length]
    return bytes(changed)


@st.composite
def changed_json(draw, text: bytes) -> bytes:
    """The JSON with one to four of its values replaced, removed, doubled or nested."""
    try:
        value = json.loads(text)
    except ValueError:  # it was changed already
        return draw(changed_bytes(text))
    for _ in range(draw(st.integers(1, 4))):
        if not isinstance(value, (dict, list)) or not value:
            break
        holder, key = draw(st.sampled_from(_places(value)))
        kind = draw(st.sampled_from(["replace", "replace", "remove", "double", "nest", "swap"]))
        if kind == "replace":
            holder[key] = copy.deepcopy(draw(ODD_VALUES))
        elif kind == "remove":
            del holder[key]
        elif kind == "double" and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif kind == "nest":
            for _ in range(draw(st.sampled_from([1, 50, 300]))):
                holder[key] = [holder[key]]
        elif kind == "swap":
            other, place = draw(st.sampled_from(_places(value)))
            holder[key] = json.loads(json.dumps(other[place]))
    return json.dumps(value).encode()


def _places(value) -> list:
    """Every place in nested lists and mappings: what holds it, and where."""
    found, stack = [], [value]
    while stack:
        holder = stack.pop()
        keys = range(len(holder)) if isinstance(holder, list) else list(holder)
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], (list, dict)):
                stack.append(holder[key])
    return found


@st.composite
def changed_archive(draw, data: bytes) -> bytes:
    """The archive written anew, with a member or two changed, renamed, left out or doubled."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(one.filename, Content(archive.read(one))) for one in archive.infolist()]
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(members) - 1))
        name, content = members[place]
        kind = draw(st.sampled_from(["content", "content", "content", "name", "double", "leave"]))
        if kind == "content":
            of_json = name.endswith(".json") and draw(st.booleans())
            content = draw(changed_json(content) if of_json else changed_bytes(content))
            members[place] = (name, Content(content))
        elif kind == "name":
            odd = ["../x", "/x", "a\\b", "CONFIG.JSON", "model.weights.npz", "assets/../../x", "é"]
            members[place] = (draw(st.sampled_from(odd)), content)
        elif kind == "double":
            members.append(members[place])
        elif len(members) > 1:
            del members[place]
    stream = io.BytesIO()
    compression = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", compression) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of a name that is there twice
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


@st.composite
def changed_files(draw) -> tuple[str, bytes]:
    """A file's name and what it holds after it was changed."""
    name = draw(st.sampled_from(sorted(originals())))
    data = originals()[name]
    if name.endswith(".json"):
        return name, draw(changed_json(data) | changed_bytes(data))
    if name.endswith(".keras"):
        return name, draw(changed_archive(data) | changed_archive(data) | changed_bytes(data))
    return name, draw(changed_bytes(data))


def main(count: int) -> None:
    """Audit so many changed files, in a process that does nothing else, and print the figures."""
    ends: Counter[str] = Counter()
    slowest = peak = 0.0
    spawn = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as folder, ProcessPoolExecutor(1, mp_context=spawn) as pool:

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(changed_files())
        def run(changed):
            nonlocal slowest, peak
            name, data = changed
            path = Path(folder) / name
            path.write_bytes(data)
            end, took, peak = pool.submit(audited, path).result(timeout=10 * SECONDS)
            ends[end] += 1
            slowest = max(slowest, took)

        begun = time.perf_counter()
        run()
        took = time.perf_counter() - begun
    told = ", ".join(f"{number:,} {end}" for end, number in ends.most_common())
    print(
        f"{sum(ends.values()):,} changed files in {took:.0f} s: {told}; the slowest took "
        f"{slowest:.2f} s, at most {SECONDS:g}; {peak:.0f} MiB at the peak, at most {MEBIBYTES}"
    )
    assert peak <= MEBIBYTES


if __name__ == "__main__":
    main(int(sys.argv[1]))
