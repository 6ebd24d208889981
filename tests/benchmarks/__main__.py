"""Run the benchmarks that are named, or all of them; exit 1 if a floor is missed."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

import tests.benchmarks as package


def main(names: list[str]) -> int:
    modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
    known = [name for name in modules if name not in ("__main__", "measure")]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"benchmarks: no such benchmark {unknown}; there are {', '.join(known)}")
        return 2
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    held = [importlib.import_module(f"tests.benchmarks.{name}").run() for name in names or known]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
