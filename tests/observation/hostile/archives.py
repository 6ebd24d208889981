"""Hostile archives: names that escape, members that lie, zip files that contradict themselves."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np

from tests.observation.hostile.making import archived, dense, parts, sequential, with_link

_MIB = 1024 * 1024
_CENTRAL, _END = b"PK\x01\x02", b"PK\x05\x06"


def _and(name, data=b"x"):
    return archived([*parts(), (name, data)])


def _deflated(name, mebibytes):
    """A member of zeros, packed a thousandfold."""
    buffer = io.BytesIO(archived([part for part in parts() if part[0] != name]))
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "a") as archive, archive.open(entry, "w") as member:
        for _ in range(mebibytes):
            member.write(bytes(_MIB))
    return buffer.getvalue()


def _central(data, name, offset, form, value):
    """The archive with one field of a member's entry in the central directory changed."""
    start = data.index(_CENTRAL)
    while data[start + 46 : start + 46 + len(name)] != name.encode():
        start = data.index(_CENTRAL, start + 4)
    changed = bytearray(data)
    struct.pack_into(form, changed, start + offset, value)
    return bytes(changed)


def _end(data, offset, form, value):
    """The archive with one field of the end of its central directory changed."""
    changed = bytearray(data)
    struct.pack_into(form, changed, data.rindex(_END) + offset, value)
    return bytes(changed)


def _pickled():
    buffer = io.BytesIO()
    np.savez(buffer, **{"layers/dense/vars": np.array({"0": np.ones((4, 3))}, dtype=object)})
    return buffer.getvalue()


def _commented(data):
    """The archive with a second one for its comment: its end is found twice."""
    return _end(data, 20, "<H", len(data)) + data


def _renamed(data, old, new):
    """The archive in which the local header of a member bears another name."""
    return data.replace(old, new, 1)


def archive_files():
    """Each as (name, suffix, bytes, codes, status)."""
    whole = archived(parts())
    weights, config = "model.weights.h5", "config.json"
    yield from (
        (name, ".keras", data, codes, status)
        for name, data, codes, status in [
            ("member_absolute", _and("/etc/passwd"), {"KA315"}, 1),
            ("member_above", _and("../../.bashrc"), {"KA315"}, 1),
            ("member_above_assets", _and("assets/../../x"), {"KA315"}, 1),
            ("member_on_a_drive", _and("C:/x"), {"KA315"}, 1),
            ("member_with_a_backslash", _and("assets\\..\\x"), {"KA315"}, 1),
            ("member_that_is_a_link", with_link("assets/x", "/etc/passwd"), {"KA315"}, 1),
            ("config_twice", _and(config, parts()[1][1]), {"KA350"}, 2),
            ("asset_twice", archived([*parts(), ("assets/x", b"1"), ("assets/x", b"2")]),
                {"KA316"}, 1),
            ("config_in_capitals", _and("CONFIG.json"), {"KA316", "KA317"}, 1),
            ("config_by_a_detour", _and("./config.json"), {"KA316"}, 1),
            ("member_strange", _and("run.py"), {"KA317"}, 1),
            ("weights_in_both_forms", _and("model.weights.npz", _pickled()), {"KA317"}, 1),
            ("member_with_control_characters", _and("assets/\x1b[2Jx"), {"KA318"}, 1),
            ("weights_pickled",
                archived(parts(**{weights: None, "model.weights.npz": _pickled()})),
                {"KA321"}, 2),
            ("asset_that_explodes", _deflated("assets/x", 64), {"KA314"}, 1),
            ("weights_that_explode", _deflated(weights, 80), {"KA314"}, 2),
            ("config_that_explodes", _deflated(config, 64), {"KA351"}, 2),
            ("no_config", archived(parts(**{config: None})), {"KA350"}, 2),
            ("no_weights", archived(parts(**{weights: None})), {"KA350"}, 2),
            ("no_members", archived([]), {"KA350"}, 2),
            ("too_many_members",
                archived([*parts(), *((f"assets/{i}", b"") for i in range(10_001))]),
                {"KA351"}, 2),
            ("bytes_before_it", b"#!/bin/sh\n" + whole, {"KA350"}, 2),
            ("archive_before_it", archived(parts(sequential(dense(units=5)))) + whole,
                {"KA350"}, 2),
            ("bytes_after_it", whole + b"x" * 100, {"KA350"}, 2),
            ("a_comment_that_holds_an_archive", _commented(whole), {"KA350"}, 2),
            ("config_of_another_length", _central(whole, config, 24, "<I", 7), {"KA350"}, 2),
            ("another_name_for_the_config",
                _renamed(whole, b"config.json", b"confix.json"), {"KA350"}, 2),
            ("cut_short", whole[:-30], {"KA350"}, 2),
            ("cut_in_the_middle", whole[: len(whole) // 2], {"KA350"}, 2),
            ("no_archive", b"not a zip at all" * 10, {"KA350"}, 2),
            ("empty_file", b"", {"KA350"}, 2),
            ("hdf5_by_another_name", parts()[2][1], {"KA114"}, 2),
            ("config_of_a_negative_length",
                _central(whole, config, 24, "<I", 0xFFFFFFFE), {"KA350"}, 2),
            ("config_stored_beyond_the_end",
                _central(whole, config, 20, "<I", 0x7FFFFFFF), {"KA350"}, 2),
            ("weights_that_begin_beyond_the_end",
                _central(whole, weights, 42, "<I", 0x7FFFFFF0), {"KA350"}, 2),
            ("weights_that_begin_at_the_config",
                _central(whole, weights, 42, "<I", whole.index(b"PK\x03\x04", 4)), {"KA350"}, 2),
            ("zip64_without_its_field",
                _central(whole, weights, 24, "<I", 0xFFFFFFFF), {"KA350"}, 2),
            ("packed_in_an_unknown_way", _central(whole, config, 10, "<H", 99), {"KA350"}, 2),
            ("encrypted", _central(whole, config, 8, "<H", 1), {"KA350"}, 2),
            ("another_name_in_place",
                _renamed(whole, b"model.weights.h5", b"model.weights.h6"), {"KA350"}, 2),
            ("directory_beyond_the_end", _end(whole, 16, "<I", 0x7FFFFFFF), {"KA350"}, 2),
            ("directory_of_more_members", _end(whole, 10, "<H", 60_000), {"KA350"}, 2),
            ("directory_of_another_length", _end(whole, 12, "<I", 7), {"KA350"}, 2),
        ]
    )  # fmt: skip
    yield "members_that_overlap", ".keras", _overlapping(whole), {"KA350"}, 2


def _overlapping(data):
    """The archive in which the metadata is said to begin where the config does."""
    start = data.index(b"PK\x03\x04", 4)
    return _central(data, "metadata.json", 42, "<I", start)
