"""Break the modules that decide on purpose, one place at a time, and see whether their tests notice: docs/mutants.md.

    make mutants                                  every module (about half an hour)
    tools/mutants.py stats spool                  only these; the others keep their figures
    tools/mutants.py --most 30 link               a smaller sample
    tools/mutants.py --seed 8 link                other places: how much the tests notice where none was looked at yet

Of each module a sample is drawn with a fixed seed, so that it takes minutes. The changes are made in a copy: the
checkout stays as it is. mutmut makes them (requirements/mutants.txt).

Left out before the sample is drawn, because no test should notice them: changes that mypy refuses, so that `make lint`
does (None for a number, an argument too few), and those that only change the letters of a sentence, what is logged, the
name of a task, or `strict` of a `zip`, which never acts in a program that is right.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "mutants.json"
PAGE = ROOT / "docs" / "mutants.md"
SRC = "src/rigfarm"
STATS = "commander/stats"
MODULES: dict[str, tuple[list[str], list[str]]] = {
    "stats": (
        [f"{STATS}/{name}.py" for name in ("contribution", "normal", "operational", "remembered", "totals")],
        [STATS],
    ),
    "condition": ([f"{STATS}/condition.py"], [f"{STATS}/test_condition.py", f"{STATS}/test_condition_edges.py"]),
    "roll-outs": (["commander/rollouts/actions.py", "commander/rollouts/watch/*.py"], ["commander/rollouts"]),
    "interpret": (
        ["sentry/asic/interpret.py", "sentry/asic/readers/iceriver_panel.py"],
        [f"sentry/asic/test_asic_{name}.py" for name in ("figures", "whole_answers", "iceriver_panel", "meanings")],
    ),
    "spool": (["sentry/spool/*.py"], ["sentry/spool", "faults/test_corrupt_spool.py"]),
    "link": (
        [f"sentry/link/{name}.py" for name in ("lanes", "window", "link", "session", "outbox", "careful")],
        [
            f"sentry/link/test_{name}.py"
            for name in ("lanes", "session", "link_by_itself", "link_delivers", "link_verdicts")
        ],
    ),
    "the Commander's link": (
        ["commander/link/*.py"],
        [f"commander/link/test_{name}.py" for name in ("who_may_speak", "what_is_sent_down", "who_pays", "arrivals")]
        + [f"commander/link/test_{name}.py" for name in ("budgets", "turns", "lost_logs_are_counted_once")],
    ),
}
"""What is changed (under src/rigfarm), and the tests that have to notice (under tests). A change is made in this
process alone: tests of whole processes cannot notice it, and are left out."""
LARGE = ROOT / SRC / "commander/bundle/data"
"""What is not copied; no test of these modules needs it."""
SURVIVED, UNTESTED = 0, 33
"""Exit codes by which mutmut says so."""
TOO_LONG = (24, -24, 36, 152, 255, -9)
"""Exit codes of tests that mutmut ended because they took too long."""
PATIENCE = {"timeout_constant": 10.0, "timeout_multiplier": 8.0}
"""Tests may take so many seconds longer than they do by themselves, and then so many times as long: what a busy machine
slows down is not noticed."""
ALONE = {"process_isolation": "forkserver"}
"""Each change is tried in a process where no test ran before. Threads of a library (pyasic_rs has some) do not survive
a fork: tests that wait for them would hang, and every change would be noticed."""
SEED = 7
"""Of the sample that tests are written for."""
REFUSED, WORDS = "refused by mypy", "words only"


def main() -> int:
    """0 when every module could be measured."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("modules", nargs="*", metavar="module", help=", ".join(MODULES))
    asked.add_argument("--most", type=int, default=100, help="changes per module")
    asked.add_argument("--seed", type=int, default=SEED, help="of the sample")
    asked.add_argument("--at-once", type=int, default=1, help="changes that are tried side by side")
    options = asked.parse_args()
    if unknown := set(options.modules) - set(MODULES):
        asked.error(f"there is no module {min(unknown)}: {', '.join(MODULES)}")
    install = ["install", "--quiet", "--require-virtualenv", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([sys.executable, "-m", "pip", *install, "-r", ROOT / "requirements/mutants.txt"], check=True)
    for module in options.modules or MODULES:
        found = measure(module, options.most, options.seed, options.at_once)
        kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
        before = kept.get(module, {})
        if options.seed not in (SEED, before.get("fresh", {}).get("seed")):
            kept[module] = before | {"fresh": found}
        else:
            kept[module] = found | {key: value for key, value in before.items() if key == "fresh"}
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        PAGE.write_text(page(kept))
        print(f"{module}: {found['noticed']} of {found['tried']} were noticed", flush=True)
    return 0


def measure(module: str, most: int, seed: int, at_once: int) -> dict[str, Any]:
    """Break a copy of the module in so many places: how many of them its tests noticed, and which not."""
    began = time.monotonic()
    changed, tests = MODULES[module]
    with tempfile.TemporaryDirectory(prefix="rigfarm-mutants-") as folder:
        copy = Path(folder)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=_not_copied)
        settings = {
            "source_paths": [SRC],
            "only_mutate": [f"{SRC}/{one}" for one in changed],
            "also_copy": ["src", "tests"],
            "pytest_add_cli_args": ["-p", "no:cacheprovider", "--timeout", "0"],  # mutmut ends and counts what hangs
            "pytest_add_cli_args_test_selection": [f"tests/{one}" for one in tests],
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in (settings | PATIENCE | ALONE).items()]
        project = (ROOT / "pyproject.toml").read_text()
        (copy / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]))

        _mutmut(copy, "run", "--max-children", "1", "none of them, only list them", may_fail=True)
        left_out = _left_out(copy)
        every = sorted(_outcomes(copy).keys() - left_out.keys())
        drawn = sorted(random.Random(seed).sample(every, min(most, len(every))))  # noqa: S311 - a sample, no secret
        _mutmut(copy, "run", "--max-children", str(at_once), *drawn)
        outcomes = {name: code for name, code in _outcomes(copy).items() if name in drawn and code is not None}
        missed = sorted(name for name, code in outcomes.items() if code in (SURVIVED, UNTESTED))
        head = ["git", "rev-parse", "--short=7", "HEAD"]
        return {
            "tried": len(outcomes),
            "noticed": len(outcomes) - len(missed),
            "too_long": sum(code in TOO_LONG for code in outcomes.values()),
            "places": len(every),
            "left_out": {why: list(left_out.values()).count(why) for why in (REFUSED, WORDS)},
            "seed": seed,
            "missed": [_change(copy, name) for name in missed],
            "commit": subprocess.run(head, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip(),
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "minutes": round((time.monotonic() - began) / 60),
        }


def _not_copied(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__" or Path(folder, name) == LARGE]


def _left_out(copy: Path) -> dict[str, str]:
    """Changes that no test should notice by their names, and why."""
    found = {}
    for path in sorted((copy / "mutants" / SRC).rglob("*.meta")):
        source = path.with_suffix("")
        module = ".".join(source.relative_to(copy / "mutants/src").with_suffix("").parts)
        functions = _functions(ast.parse(source.read_text()))
        refused = _refused_lines(copy / "mutants", source)
        for name, function in functions.items():
            if (mutant := re.fullmatch(r"(?:x_|xǁ(\w+)ǁ)(\w+)__mutmut_\d+", name)) is None:
                continue
            original = functions[".".join(part for part in mutant.groups() if part)]
            if ast.dump(_Meaning().visit(function)) == ast.dump(_Meaning().visit(original)):
                found[f"{module}.{name}"] = WORDS
            elif any(function.lineno <= line <= (function.end_lineno or 0) for line in refused):
                found[f"{module}.{name}"] = REFUSED
    return found


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """mutmut puts each change into a function of its own beside the original, whose name in a class is "Class.name"."""
    found = {}
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inside:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                mutant = "__mutmut_" in one.name
                found[one.name if one is node or mutant else f"{node.name}.{one.name}"] = one  # type: ignore[attr-defined]
    return found


def _refused_lines(copy: Path, source: Path) -> list[int]:
    """Lines that mypy refuses; code that it calls unreachable says nothing about a change."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--output=json", "--follow-imports=silent", source.relative_to(copy)],
        cwd=copy,
        env=os.environ | {"MYPYPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode > 1 or not all(copy / one["file"] == source for one in errors):
        sys.exit(done.stdout[-4000:] + done.stderr)
    return [one["line"] for one in errors if one["code"] not in ("unreachable", "unused-ignore")]


class _Meaning(ast.NodeTransformer):
    """A function without what only people see: its name, what it logs, the letters of sentences."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        return ast.FunctionDef("", node.args, node.body, [], node.returns)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        return ast.FunctionDef("", node.args, node.body, [], node.returns)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(ast.Name("log" | "_log"), "debug" | "info" | "warning" | "error" | "exception"):
                return ast.Constant("logged")
            case ast.Name("zip") | ast.Attribute(ast.Name("asyncio"), "create_task"):
                kept = [one for one in node.keywords if one.arg not in ("strict", "name")]
                return ast.Call(node.func, node.args, kept)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        sentence = isinstance(node.value, str) and len(node.value.split()) > 2
        return ast.Constant(str(node.value).removeprefix("XX").removesuffix("XX").casefold()) if sentence else node


def _mutmut(copy: Path, *arguments: str, may_fail: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode and not may_fail:
        sys.exit(done.stdout[-4000:])
    return done.stdout


def _outcomes(copy: Path) -> dict[str, int | None]:
    """Exit code of each change's tests by its name; None: not tried."""
    found: dict[str, int | None] = {}
    for path in (copy / "mutants" / SRC).rglob("*.meta"):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def _change(copy: Path, name: str) -> list[str]:
    """File, and the lines that were changed as they were and as they became."""
    lines = _mutmut(copy, "show", name).splitlines()
    path = next((line.split()[1] for line in lines if line.startswith("--- ")), "")
    was, became = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign) and not line.startswith(sign * 3))
        for sign in "-+"
    )
    return [path.removeprefix(f"{SRC}/"), was, became]


def page(kept: dict[str, Any]) -> str:
    """docs/mutants.md."""
    lines = [
        "# Do the tests notice?",
        "",
        "Written by `make mutants`. It breaks the modules that decide in one place at a time (a comparison turned",
        "around, a number changed, an argument left out) and runs their tests. A change that no test notices shows a",
        "test that is missing, or a change that makes no difference. tools/mutants.py says which tests belong to which",
        "module; a sample is drawn with a fixed seed.",
        "",
        "Some changes are left out before the sample is drawn: those that `make lint` refuses, because mypy does, and",
        "those of words only: the letters of a sentence, what is logged, the name of a task, and `strict` of a `zip`.",
    ]
    fresh = {name: kept[name]["fresh"] for name in MODULES if "fresh" in kept.get(name, {})}
    if fresh:
        lines += [
            "",
            "## A fresh sample",
            "",
            "Measured before any test was written for what it showed: the honest estimate of what the tests notice.",
            "The figures stay as they were then, although tests were written for some of these changes afterwards.",
            "*By time* are those noticed only because the tests ran until they were ended.",
            "",
            *_table(fresh),
        ]
    again = {name: kept[name] for name in MODULES if "tried" in kept.get(name, {})}
    lines += ["", "## The sample that tests were written for", "", *_table(again)]
    if missing := [name for name in MODULES if name not in again]:
        lines += ["", f"Not measured yet: {', '.join(missing)}."]
    for measured, when in ((fresh, " at first in the fresh sample"), (again, "")):
        for name in [one for one in measured if measured[one]["missed"]]:
            lines += ["", f"## What no test of {name} noticed{when}", ""]
            lines += [_line(*one) for one in measured[name]["missed"]]
    return "\n".join(lines) + "\n"


def _line(path: str, was: str, became: str, since: str = "") -> str:
    """`since` is written into docs/mutants.json by hand: what came of it."""
    return f"- {path}: `{was}` → `{became}`" + (f" ({since})" if since else "")


def _table(measured: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "| module | noticed | of | share | by time | possible changes | refused by mypy | words only | measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in measured.items():
        share = f"{100 * one['noticed'] / max(one['tried'], 1):.0f} %"
        when = f"{one['date']}, {one['commit']}, {one['minutes']} min"
        left_out = " | ".join(str(one["left_out"][why]) for why in (REFUSED, WORDS))
        noticed = f"{one['noticed']} | {one['tried']} | {share} | {one.get('too_long', '?')}"
        lines.append(f"| {name} | {noticed} | {one['places']} | {left_out} | {when}, seed {one['seed']} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
