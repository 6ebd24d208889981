"""Changed files: whatever was done to one, it is audited, refused in one line, or both."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

import kerasaudit as ka
from tests.observation.audited import audited
from tests.observation.mutations import FOLDER, changed_files, originals


def test_the_files_as_they_are_hold_what_they_say():
    by_name = {name: ka.audit(FOLDER / name) for name in originals()}
    # Embedding 6·4; two LSTMs of 4·(4·2 + 2·2 + 2); attention 3·(4·4 + 4) + 4·4 + 4; Conv1D
    # 2·4·3 + 3; inner 3·2 + 2 and 4·2; out 4 + 1.
    count = 24 + 2 * 4 * (4 * 2 + 2 * 2 + 2) + 3 * 20 + 20 + 27 + 8 + 8 + 5
    for name in ("net.keras", "net.h5", "net.json"):
        assert (by_name[name].status, by_name[name].totals.derived) == ("ok", count), name
    assert by_name["net.json"].totals.stored is None
    for name in ("net.keras", "net.h5", "net.weights.h5"):
        assert by_name[name].totals.stored == count, name
    assert by_name["net.weights.h5"].status == "incomplete"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changed=changed_files())
def test_a_changed_file_is_audited_or_refused_in_one_line(tmp_path, changed):
    name, data = changed
    (tmp_path / name).write_bytes(data)
    audited(tmp_path / name)
