"""Keep the promises to account: run the fault tests at full length and write docs/reliability.md from what they found.

    make faults                                  everything, at full length (hours)
    tools/faults.py --rows 1,3                   only these promises; the others keep their figures
    tools/faults.py --short                      the short forms, as in `make test`
    tools/faults.py --write                      run nothing, only write the page again

Every file of tests/faults runs in a process of its own, with a bound on its time. What was measured is kept in
docs/reliability.json, test by test with date, commit and machine, so that a part can be measured anew.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "faults"
KEPT = ROOT / "docs" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"
SOAKED = ROOT / "docs" / "soak.json"
"""What the last long soak found; `tools/soak --record` writes it."""

PROMISES = {
    1: "An acknowledged log survives a crash of the Commander",
    2: "… and a power loss",
    3: "No log is stored twice",
    4: "A day offline arrives whole, in order, and delays nothing new",
    5: "The spool is bounded, and what is lost is counted",
    6: "A mining program never outlives its Sentry, and mining resumes by itself",
    7: "Removal of a rig stops its mining and leaves no process",
    8: "Removal while offline takes effect on contact",
    9: "Only an explicit removal stops mining",
    10: "A removed token is refused at once, on an open link too",
    11: "A farm that reconnects all at once is taken back",
    12: "Partitions and half-open connections are found and lose nothing",
    13: "No old value is shown as a live one",
    14: "A slow browser hurts nobody",
    15: "A mining program that hangs is found, without a storm of restarts",
    16: "No reboot loop",
    17: "A full disk is survived, on both sides",
    18: "Clock jumps are harmless",
    19: "A damaged spool recovers",
    20: "A malicious archive cannot write outside its folder",
    21: "Only the pinned file runs",
    22: "No request goes where it must not",
    23: "No command injection",
    24: "Guessing the password is locked, its owner is not",
    25: "Sessions die",
    26: "Other sites can do nothing in a user's name",
    27: "No route without a login",
    28: "Hostile text is shown as text",
    29: "Any bytes are survived",
    30: "Secrets never leak",
    31: "The audit log shows tampering",
    32: "Nothing leaks",
    33: "The ASIC Sentry is gentle and contained",
    34: "Upgrade and backup are safe",
    35: "A stranger without a token harms nobody",
    36: "A rig's valid token harms only its rig",
    37: "A local user or mining program of a rig gets no more than it has",
    38: "Who answers in the Commander's place gets nothing",
    39: "No exception caused by input ends a process or a background part",
    40: "Revoked is revoked, also what is under way",
}

AT_RANDOM = """
## Everything at once, at random

`make soak` runs a real Commander and real Sentries, each in a process of its own, for a day (or `HOURS=`), and does
things to them that are drawn from a seed (`SEED=`), up to three on top of one another: kill -9, restart and SIGSTOP of
the Commander and of Sentries; connections that are cut, held, half-open, or answered by a proxy; a full spool; clocks
that are turned; browsers that read a byte a second; rigs that are removed (some while they are away, some just before
the Commander is killed), added and renamed; playbooks that change, stop and start. Then the farm is left alone, and
this must hold:

- every rig comes back, everything that it reported arrives, and it mines if and only if it should;
- every acknowledged log is in the journal exactly once, byte by byte; every log that a spool numbered is acknowledged
  or counted as dropped; none is there twice;
- no mining program is left without its Sentry;
- rigs are those that were made and not removed, under their last names; a removed rig doesn't mine;
- each rig's figures are those of its newest log in the journal, and the totals are their sum;
- memory and open files of every process stay below fixed limits.

When one doesn't hold, the seed, everything that happened and the invariant are printed, and the data folder is kept.
The same seed gives the same mishaps in the same order; not the same microseconds. The control, a Commander that
acknowledges every tenth frame without storing it, is found at the first check."""

Entry = dict[str, Any]
"""One line of docs/reliability.json: what `promise.record` wrote, or a test that was skipped or failed."""


def main() -> int:
    """0: everything that ran held."""
    parser = argparse.ArgumentParser(description="Run the fault tests and write docs/reliability.md.")
    parser.add_argument("--rows", help="only these promises, by number: 1,3,17")
    parser.add_argument("--short", action="store_true", help="the short forms of `make test`")
    parser.add_argument("--minutes", type=float, default=30.0, help="the longest one file may take (30)")
    parser.add_argument("--write", action="store_true", help="only write the page from what is kept")
    asked = parser.parse_args()
    kept: list[Entry] = json.loads(KEPT.read_text()) if KEPT.exists() else []
    files = [] if asked.write else chosen(asked.rows)
    broken = []
    for file in files:
        print(f"— {file.name}", flush=True)
        found, held = run(file, short=asked.short, seconds=asked.minutes * 60)
        if not held:
            broken.append(file.name)
        kept = [one for one in kept if one["file"] != file.name] + found
        keep(kept)
    keep(kept)
    print(f"{PAGE.relative_to(ROOT)} written" + (f"; did not hold: {', '.join(broken)}" if broken else ""))
    return 1 if broken else 0


def rows_of(file: Path) -> set[int]:
    """The promises that a test file records."""
    return {int(row) for row in re.findall(r"\brecord\(\s*(\d+)", file.read_text())}


def chosen(rows: str | None) -> list[Path]:
    """The files to run, in the order of the promises."""
    files = sorted(TESTS.glob("test_*.py"), key=lambda file: (min(rows_of(file), default=99), file.name))
    if rows is None:
        return files
    wanted = {int(row) for row in rows.split(",")}
    if unknown := wanted - set(PROMISES):
        raise SystemExit(f"There is no promise {', '.join(map(str, sorted(unknown)))}.")
    return [file for file in files if rows_of(file) & wanted]


def run(file: Path, *, short: bool, seconds: float) -> tuple[list[Entry], bool]:
    """What a file of tests found, and whether all of it held."""
    with tempfile.TemporaryDirectory() as folder:
        report, junit = Path(folder) / "report.jsonl", Path(folder) / "junit.xml"
        report.touch()
        environment = {**os.environ, "RIGFARM_FAULTS_REPORT": str(report)}
        environment.pop("RIGFARM_FAULTS_FULL", None)
        if not short:
            environment["RIGFARM_FAULTS_FULL"] = "1"
        every = ["-m", "slow or not slow", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", "-q", *every, f"--junitxml={junit}", str(file)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = -1
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        found = [json.loads(line) for line in report.read_text().splitlines()]
        cases = list(ElementTree.parse(junit).iter("testcase")) if junit.exists() else []  # noqa: S314 - pytest's own
    found += skipped(cases)
    if code:
        why = f"did not end within {seconds / 60:.0f} minutes" if code == -1 else "its test failed before it measured"
        rows = rows_of(file) - {one["row"] for one in found}
        found += [{"row": row, "test": "", "skipped": why} for row in sorted(rows)]
    failed = {str(case.get("name")) for case in cases if case.find("failure") is not None}
    stamp = {"file": file.name, "date": time.strftime("%Y-%m-%d"), "commit": commit(), "machine": machine()}
    for one in found:
        one |= {"held": one["test"].rpartition("::")[2] not in failed, "full": not short, **stamp}
    return found, code == 0


def skipped(cases: Iterable[ElementTree.Element]) -> list[Entry]:
    """Tests that were skipped, and why."""
    found = [(case, case.find("skipped")) for case in cases]
    return [
        {"row": 0, "test": str(case.get("name")), "skipped": str(skip.get("message"))}
        for case, skip in found
        if skip is not None
    ]


def commit() -> str:
    """Of the working tree; with a + when the product or its tests have changes."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    head = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "src", "tests"], cwd=ROOT, check=False)
    return f"{head or 'unknown'}{'+' if changed.returncode else ''}"


def machine() -> str:
    """What the figures were measured on; no name of it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def keep(entries: list[Entry]) -> None:
    """Write both files; entries of files that are no more are dropped."""
    there = {file.name for file in TESTS.glob("test_*.py")}
    entries = sorted((one for one in entries if one["file"] in there), key=lambda one: (one["row"], one["file"]))
    KEPT.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text("\n".join(page(entries)) + "\n")


def page(entries: list[Entry]) -> Iterator[str]:
    """docs/reliability.md, line by line."""
    measured = [one for one in entries if "n" in one]
    machines = list(dict.fromkeys(one["machine"] for one in measured))
    yield "# Reliability and security"
    yield ""
    yield "Written by `make faults` from what the tests in tests/faults found; docs/reliability.json keeps the figures."
    yield "A short form of every test runs in `make test` or `make test-long`. [mutants.md](mutants.md) says, module by"
    yield "module, how many mistakes made on purpose the other tests notice."
    yield ""
    yield "- **bad of n**: how often the promise was broken, and of how many tries. 0 of n does not prove that it never"
    yield "  is: it proves, at 95 % confidence, a share of at most 3/n, which stands beside it."
    yield "- **control**: the same test with the product broken on purpose in the way that is named, and what it found"
    yield "  then. A test that passes with its control shows nothing."
    yield "- Seeds are fixed; who makes the load and who takes it share the machine."
    for number, one in enumerate(machines, 1):
        yield f"- Machine {number}: {one}" if len(machines) > 1 else f"- Measured on {one}."
    yield ""
    yield "| # | promise, and what was measured | bad of n | at most | control | what the control found | measured |"
    yield "|---|---|---|---|---|---|---|"
    for one in measured:
        on = f", machine {machines.index(one['machine']) + 1}" if len(machines) > 1 else ""
        when = f"{one['date']}, {one['commit']}, {'full' if one['full'] else 'short'} form{on}"
        cells = [str(one["row"]), one["promise"], figure(one), bound(one), one["control"], one["control_bad"], when]
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
    yield from missing(entries, {one["row"] for one in measured})
    yield from at_random()


def figure(one: Entry) -> str:
    """`bad` of `n`; plainly so where it did not hold."""
    text = f"{one['bad']:,} of {one['n']:,} {one['unit']}".strip()
    return text if one["held"] else f"**did not hold:** {text}"


def bound(one: Entry) -> str:
    """The rule of three."""
    if one["bad"] or not one["n"]:
        return "–"
    share = 3 / one["n"]
    return f"{share * 100:.2g} %" if share < 1 else "–"


def missing(entries: Iterable[Entry], measured: set[int]) -> Iterator[str]:
    """What has no figure, said as plainly as what has."""
    yield ""
    yield "## Not measured"
    yield ""
    skips = [one for one in entries if "skipped" in one]
    tested = set().union(*(rows_of(file) for file in TESTS.glob("test_*.py")))
    for row, promise in PROMISES.items():
        if row not in measured:
            why = "its test was not run yet" if row in tested else "no test measures this"
            why = next((one["skipped"] for one in skips if one["row"] == row), why)
            yield f"- {row}. {promise}: {why}."
    for one in skips:
        if not one["row"]:
            yield f"- {one['test']} in {one['file']} was skipped: {one['skipped']}."
    if not skips and measured >= set(PROMISES):
        yield "Nothing."


def at_random() -> Iterator[str]:
    """What `make soak` shows, and what it found last."""
    yield from AT_RANDOM.splitlines()
    if SOAKED.exists():
        one = json.loads(SOAKED.read_text())
        yield ""
        yield f"Last long run ({one['date']}, {one['commit']}, {one['machine']}): seed {one['seed']},"
        yield f"{one['minutes']} minutes, {one['rigs']} rigs, {one['mishaps']} mishaps in {one['rounds']} rounds,"
        yield f"{one['logs']:,} acknowledged logs compared; everything held."


if __name__ == "__main__":
    sys.exit(main())
