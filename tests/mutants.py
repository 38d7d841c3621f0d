"""Plant faults one at a time, run the tests named for each, and say which tests catch it.

`make mutants` writes the table of `docs/mutants.md`. Results are kept in `runs/mutants.json`, so
that a run that was stopped continues; a fault whose text or tests have changed runs again.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from planted import FAULTS, Fault

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
RESULTS, TABLE = ROOT / "runs" / "mutants.json", ROOT / "docs" / "mutants.md"
SHOWN = 1  # of the tests that catch a fault: the run stops at it
NOTHING, NOT_RUN = "**nothing**", "not run"
HEAD = """# Planted faults

`make mutants` plants each of these faults in a copy of the source, alone, and runs the tests that
are named for it in `tests/planted.py`. The last column holds the first test that fails.

| file | what is planted | caught by |
|---|---|---|
"""


def key(fault: Fault) -> str:
    """Return what a result depends on besides the sources: the fault and its tests."""
    return hashlib.sha256(repr(fault).encode()).hexdigest()[:16]


def plant(fault: Fault, source: Path) -> None:
    """Replace the text of a fault, which must occur as often as it says."""
    path = source / "neglog" / fault.file
    text = path.read_text("utf-8")
    if text.count(fault.old) != fault.times:
        found = text.count(fault.old)
        raise SystemExit(f"{fault.file}: {fault.old!r} occurs {found} times, not {fault.times}.")
    path.write_text(text.replace(fault.old, fault.new), "utf-8")


def failing(fault: Fault, planted: bool = True) -> list[str]:
    """Run the tests of a fault in a process and a kernel cache of their own."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
        if planted:
            plant(fault, source)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"]
        command += ["-rfE", f"--maxfail={SHOWN}", "-m", "not slow", *fault.tests.split()]
        command += ["-k", fault.only] if fault.only else []
        variables = {"PYTHONPATH": str(source), "NUMBA_CACHE_DIR": f"{folder}/kernels"}
        variables |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True
        )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{fault.file}, {fault.new!r}: pytest failed.\n{done.stdout[-2000:]}")
    return re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)


def known() -> dict[str, Any]:
    """Return the results so far."""
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}


def keep(name: str, found: list[str]) -> None:
    """Add a result; several processes may do so at once."""
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        beside = RESULTS.with_suffix(".part")
        beside.write_text(json.dumps(known() | {name: found}, indent=1), "utf-8")
        beside.replace(RESULTS)


def examine(fault: Fault) -> list[str]:
    """Return the tests that catch a fault."""
    if key(fault) not in known():
        found = failing(fault)
        keep(key(fault), found)
        print(f"{fault.file}: {fault.new!r}: {found or 'SURVIVED'}", flush=True)
    return list(known()[key(fault)])


def printed() -> dict[str, str]:
    """Return the last columns of the table as it is, by the columns before."""
    rows = (line.rsplit(" | ", 1) for line in TABLE.read_text("utf-8").splitlines() if "`" in line)
    return {row[0]: row[1].removesuffix(" |") for row in rows if len(row) == 2}


def table(results: dict[str, Any]) -> str:
    """Return the page; faults without a result keep the row that they have."""
    lines, last, before = [], [], printed()
    for fault in FAULTS:
        found, start = results.get(key(fault)), f"| `{fault.file}` | {fault.what}"
        names = sorted({re.sub(r"\[.*", "", name).split("::")[-1] for name in found or ()})
        shown = ", ".join(f"`{name}`" for name in names) or NOTHING
        last.append(before.get(start, NOT_RUN) if found is None else shown)
        lines.append(f"{start} | {last[-1]} |\n")
    missing = last.count(NOT_RUN)
    caught = len(last) - missing - last.count(NOTHING)
    left = f" {missing} have not been run." * bool(missing)
    return f"{HEAD}{''.join(lines)}\n{caught} of {len(FAULTS)} are caught.{left}\n"


def main() -> None:
    """Examine the faults; the exit status is 1 if one survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--sound", action="store_true", help="check that the tests pass unplanted")
    parser.add_argument("--table", action="store_true", help="write the table of what has been run")
    parser.add_argument("--only", default="", help="run only faults that contain this text")
    chosen = parser.parse_args()
    faults = [fault for fault in FAULTS if chosen.only in f"{fault.file}: {fault.what}"]
    if chosen.sound:
        distinct = {(fault.tests, fault.only): fault for fault in faults}
        for fault in distinct.values():
            failed = failing(fault, planted=False)
            print(fault.tests, fault.only, failed or "pass", flush=True)
            assert not failed
    if not chosen.table:
        with ThreadPoolExecutor(chosen.jobs) as pool:
            list(pool.map(examine, faults))
    TABLE.write_text(table(known()), "utf-8")
    sys.exit(not all(known().get(key(fault)) for fault in faults))


if __name__ == "__main__":
    main()
