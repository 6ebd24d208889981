"""Files by their URLs: fetched in parts, audited as they are here, refused in one line."""

from __future__ import annotations

import base64
import itertools
import socket
import sys
import traceback

import fsspec
import pytest
from click.testing import CliRunner

import kerasaudit as ka
from kerasaudit.cli import command
from kerasaudit.config import Limits
from kerasaudit.errors import LimitError, TargetError
from kerasaudit.observation import archive
from kerasaudit.observation.remote.multipart import parts
from kerasaudit.observation.remote.source import RemoteSource
from kerasaudit.observation.remote.store import StoreFile
from kerasaudit.observation.source import Budget
from tests.observation.range_server import over_http, read_over_http, serving

BLOCKS = 12
SECRET = "pw7"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A model as Keras saves it, of 50 MB in as many places as there are large kernels."""
    import keras

    layers = [keras.Input((1024,))]
    for _ in range(BLOCKS):
        layers += [
            keras.layers.Dense(512, activation="relu"),
            keras.layers.LayerNormalization(),
            keras.layers.Dense(1024),
            keras.layers.Dropout(0.1),
        ]
    path = tmp_path_factory.mktemp("remote") / "large.keras"
    keras.Sequential(layers).save(path)
    kernels = BLOCKS * 2 * 1024 * 512 * 4  # bytes
    assert path.stat().st_size > kernels
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    import keras

    path = tmp_path_factory.mktemp("remote") / "small.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="out")]).save(path)
    return path


def refused(url, **limits) -> str:
    """The one line that an audit of a URL ends with."""
    with pytest.raises(TargetError) as caught:
        ka.audit(url, limits=Limits(**limits))
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


# -- what is fetched, and how --------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ranges", "single", "whole of many"])
def test_what_a_file_holds_is_read_over_http_as_it_is_here(large, mode):
    contents, _ = read_over_http(large, mode)
    here = archive.read_contents(large)
    assert contents.tree == here.tree
    assert len(contents.tree.datasets) == BLOCKS * 6
    assert (contents.config, contents.metadata) == (here.config, here.metadata)
    assert (contents.members, contents.problems) == (here.members, ())


def test_a_small_share_is_fetched_in_few_requests(large):
    sent, requests = over_http(large, "ranges")
    assert sent < large.stat().st_size / 100
    assert requests <= 25


def test_a_server_that_gives_single_ranges_is_asked_for_each_place(large):
    sent, requests = over_http(large, "single")
    assert sent < large.stat().st_size / 50
    assert requests <= 100


def test_no_byte_is_fetched_twice(large):
    with serving(large, "ranges") as server:
        with RemoteSource(server.url, Budget(server.url)) as source:
            archive.read_source(source)
        ranges = [one for asked, _ in server.log for one in asked.removeprefix("bytes=").split(",")]
    ends = sorted(tuple(map(int, one.split("-"))) for one in ranges)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    assert sum(last - first + 1 for first, last in ends) == source.fetched


def test_an_audit_of_a_url_is_that_of_the_file(large):
    here = ka.audit(large)
    with serving(large) as server:
        there = ka.audit(server.url)
    assert (there.status, there.name) == ("ok", "large")
    assert there.target == server.url
    assert (there.totals, there.layers, there.findings) == (
        here.totals,
        here.layers,
        here.findings,
    )


def test_legacy_files_and_configs_have_urls_too(keras, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save(tmp_path / "old.h5")
    (tmp_path / "net.json").write_text(model.to_json())
    for name in ("old.h5", "net.json"):
        with serving(tmp_path / name) as server:
            assert ka.audit(server.url).totals.params == 4 * 3 + 3


def test_a_small_file_is_taken_whole_where_there_are_no_ranges(small):
    with serving(small, "whole") as server:
        assert ka.audit(server.url).totals.params == 4 * 3 + 3
    assert len(server.log) == 1


def test_a_redirect_is_followed_and_no_password_with_it(small):
    with serving(small) as server, serving(small, server.url) as first:
        url = first.url.replace("://", "://me:pass@")
        assert ka.audit(url).ok
    sent = "Basic " + base64.b64encode(b"me:pass").decode()
    assert {one["Authorization"] for one in first.headers} == {sent}
    assert not any("Authorization" in one for one in server.headers)


# -- what is refused -----------------------------------------------------------------------------


def test_a_large_file_of_a_server_without_ranges_is_refused(large):
    with serving(large, "whole") as server:
        message = refused(server.url)
    assert message == (
        f"{server.url}: expected a server that gives parts of a file (Range requests), received "
        f"the whole file of {large.stat().st_size:,} bytes: download it, and audit it here"
    )


@pytest.mark.parametrize(
    ("status", "phrase"), [(404, "404 Not Found"), (403, "403 Forbidden"), (599, "599")]
)
def test_what_the_server_answers_is_said(small, status, phrase):
    with serving(small, status) as server:
        message = refused(server.url)
    assert message == f"{server.url}: expected a file, the server answers {phrase}"


def test_a_dropped_connection_is_one_line(large):
    with serving(large, "drops") as server:
        assert refused(server.url).startswith(f"{server.url}: cannot be read: ")


def test_a_server_that_does_not_answer_is_given_up(large):
    with serving(large, "late") as server:
        message = refused(server.url, seconds=1)
    assert message == f"{server.url}: cannot be read: no answer in time"


@pytest.mark.parametrize("mode", ["lies", "grows"])
def test_other_parts_than_those_asked_for_are_not_taken(large, mode):
    with serving(large, mode) as server:
        assert "expected the part that was asked for" in refused(server.url)


def test_a_server_that_is_not_there_is_one_line():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = refused(f"http://127.0.0.1:{port}/a.keras")
    assert message.startswith(f"http://127.0.0.1:{port}/a.keras: cannot be read: ")


def test_no_more_is_fetched_than_the_limits_allow(large):
    with serving(large) as server:
        with pytest.raises(LimitError, match="read_bytes"):
            ka.audit(server.url, limits=Limits(read_bytes=20_000))
        assert server.sent <= 20_000


def test_an_empty_file_is_malformed(tmp_path):
    (tmp_path / "empty.keras").touch()
    with serving(tmp_path / "empty.keras") as server:
        assert "received an empty one" in refused(server.url)


def test_shards_are_not_looked_for_on_the_network(tmp_path):
    index = tmp_path / "net.weights.json"
    index.write_text('{"metadata": {}, "weight_map": {"/vars": "net_00000.weights.h5"}}')
    with serving(index) as server:
        assert "not over the network" in refused(server.url)
    assert len(server.log) == 1


# -- what is secret ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [404, "drops", "whole", "ranges"])
def test_passwords_and_tokens_are_sent_and_not_shown(large, mode):
    with serving(large, mode) as server:
        url = server.url.replace("://", "://wh0:pw%20q7@") + "?t0ken=h1dden#p4rt"
        done = CliRunner().invoke(command, ["audit", url, "--format", "json", "--debug"])
    assert server.url in done.output
    assert not any(one in done.output for one in ("wh0", "q7", "t0ken", "h1dden", "p4rt"))
    assert all(one["Authorization"].startswith("Basic ") for one in server.headers)


def test_nothing_secret_is_in_the_traceback():
    for target in (
        "https://wh0:{0}@[not-an-address/a.keras?t={0}",
        "http://wh0:{0}@127.0.0.1:99999/a.keras",
        "s3://wh0:{0}@x/a?{0}",
    ):
        with pytest.raises(TargetError) as caught:
            ka.audit(target.format(SECRET))
        assert SECRET not in "".join(traceback.format_exception(caught.value))


# -- other protocols -----------------------------------------------------------------------------


def test_a_store_that_does_not_answer_is_given_up(large):
    with serving(large, "late") as server:
        remote = StoreFile(server.url, Budget(server.url, Limits(seconds=1)))
        with pytest.raises(TargetError, match="no answer in time"):
            remote.fetch([(0, 4)])


def test_any_store_of_fsspec_is_read(large):
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/folder/large.keras", large.read_bytes())
    try:
        assert ka.audit("memory://folder/large.keras").totals == ka.audit(large).totals
        assert "there is no such file" in refused("memory://folder/other.keras")
        assert "received a folder" in refused("memory://folder")
    finally:
        memory.rm("/folder", recursive=True)


def test_a_store_that_can_is_asked_for_many_parts_at_once(large):
    """The plain way of fsspec, for a file system that works concurrently as those of S3 do."""
    with serving(large) as server:
        remote = StoreFile(server.url, Budget(server.url))
        found = dict(remote.fetch([(0, 4), (100, 10), (1_000_000, 5)]))
    data = large.read_bytes()
    assert found == {0: data[:110], 1_000_000: data[1_000_000:1_000_005]}


@pytest.mark.parametrize(
    ("url", "missing", "needed"),
    [
        ("s3://bucket/a.keras", "s3fs", 's3fs: pip install "kerasaudit[s3]"'),
        ("gs://bucket/a.keras", "gcsfs", 'gcsfs: pip install "kerasaudit[gs]"'),
        ("hf://me/net/a.keras", "huggingface_hub", 'huggingface_hub: pip install "kerasaudit[hf]"'),
        ("https://x.invalid/a.keras", "aiohttp", 'aiohttp: pip install "kerasaudit[remote]"'),
        ("s3://bucket/a.keras", "fsspec", 'fsspec: pip install "kerasaudit[s3]"'),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(monkeypatch, url, missing, needed):
    monkeypatch.setitem(sys.modules, missing, None)
    scheme = url.partition("://")[0]
    assert refused(url) == f"{url}: {scheme}:// needs {needed}"


def test_an_unknown_protocol_is_one_line():
    expected = "gopher://x/a.keras: expected a protocol that fsspec knows, such as https"
    assert refused("gopher://x/a.keras") == expected


def test_a_file_url_is_a_path(small, tmp_path):
    assert ka.audit(small.as_uri()).target == small.as_posix()
    assert refused((tmp_path / "none.keras").as_uri()).endswith("No such file or directory")
    assert "expected a file on this machine" in refused("file://elsewhere/a.keras")


# -- answers of many ranges ----------------------------------------------------------------------


def part(said: str, data: bytes) -> bytes:
    return b"\r\n--xyz\r\ncontent-RANGE:  " + said.encode() + b"\r\n\r\n" + data


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (part("bytes 5-7/40", b"abc") + part("bytes 30-30/40", b"d"), [(5, b"abc"), (30, b"d")]),
        (part("bytes 0-8/40", b"\r\n--xyz\r\n"), [(0, b"\r\n--xyz\r\n")]),  # as raw data may be
        (part("bytes 0-3/41", b"abcd") + part("bytes 0-1/40", b"ef"), [(0, b"ef")]),
        (part("bytes 7-5/40", b"abc"), []),
        (part("bytes 0-39/40", b"cut short"), []),
        (part("bytes 0-1/*", b"ab"), []),
        (part("bytes -1-1/40", b"ab"), []),
        (b"\r\n--xyz\r\n\r\nno range", []),
        (b"--xyz", []),
        (b"", []),
    ],
)
def test_only_whole_parts_of_the_file_are_taken(body, expected):
    answer = body + b"\r\n--xyz--\r\n"
    assert list(parts(answer, 'multipart/byteranges; boundary="xyz"', 40)) == expected
