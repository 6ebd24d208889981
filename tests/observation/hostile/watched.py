"""Audits files while everything is watched that a file could make a program do.

    python -m tests.observation.hostile.watched FOLDER

prints a JSON object: by file, the codes found, the exit status, and what was done that reading a
file does not need; and the most memory that was taken. What the program imports for itself it has
imported before: it audits a clean file of each form first.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from kerasaudit import audit_all
from kerasaudit.cli.exit_codes import of_audits
from kerasaudit.errors import LimitError, MalformedError

CLEAN = "clean"  # how the names of the first files begin

_FORBIDDEN = (
    *("import", "exec", "compile", "marshal.", "pickle.", "code.__new__", "ctypes.", "socket."),
    *("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.remove"),
    *("os.rename", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "shutil."),
    *("os.listdir", "os.scandir", "glob.", "tempfile.", "urllib.", "http.", "webbrowser."),
)


class Watch:
    """Notes what is done beyond the reading of one file."""

    def __init__(self):
        self.file = None
        self.seen = []

    def __call__(self, event, arguments):
        if self.file is None:
            return
        if event == "open":
            if arguments[0] != self.file or arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.seen.append(f"open {arguments[0]!r}")
        elif event.startswith(_FORBIDDEN):
            self.seen.append(f"{event} {arguments[:1]!r}")


def audited(path):
    """The codes, the status and the messages of one file."""
    results = list(audit_all([path]))
    codes, messages = set(), []
    for result in results:
        error = getattr(result, "error", None)
        messages += [result.message] if hasattr(result, "error") else []
        codes |= {"KA350"} if isinstance(error, MalformedError) else set()
        codes |= {"KA351"} if isinstance(error, LimitError) else set()
        for finding in getattr(result, "findings", ()):
            codes.add(finding.code)
            messages.append(f"{finding.path}: {finding.message}")
    return {"codes": sorted(codes), "status": of_audits(results), "messages": messages}


def main(folder):
    paths = sorted(Path(folder).iterdir(), key=lambda path: not path.name.startswith(CLEAN))
    watch, found = Watch(), {}
    sys.addaudithook(watch)
    for path in paths:
        watch.seen = []
        watch.file = None if path.name.startswith(CLEAN) else str(path)
        result = audited(path)
        watch.file = None
        found[path.name] = {**result, "done": watch.seen}
    print(json.dumps({"files": found, "memory": most_memory()}))


def most_memory():
    """The most bytes that this process took. On Linux `getrusage` counts the parent's as well."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (one for one in status.read_text().splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes, on macOS


if __name__ == "__main__":
    main(sys.argv[1])
