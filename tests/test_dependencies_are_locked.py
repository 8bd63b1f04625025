"""What an installation fetches is what was chosen and tested: each package in one version, by hash."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = ("dev", "commander", "sentry", "asic")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: Path) -> list[tuple[Requirement, list[str]]]:
    """Each requirement with its options."""
    lines = lock.read_text().replace("\\\n", " ").splitlines()
    return [
        (Requirement(before), [f"--{one.strip()}" for one in rest]) for before, *rest in (x.split("--") for x in lines)
    ]


def direct(extra: str) -> list[Requirement]:
    """What pyproject.toml names for an extra, and for those that it includes."""
    found = []
    for text in PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"][extra]:
        one = Requirement(text)
        found += [two for inner in one.extras for two in direct(inner)] if one.name == "rigfarm" else [one]
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_one_version_with_hashes(lock: Path) -> None:
    found = entries(lock)
    assert found
    for wanted, options in found:
        assert [one.operator for one in wanted.specifier] == ["=="], wanted
        assert wanted.url is None
        assert options
        assert all(HASH.fullmatch(option) for option in options), f"{wanted}: {options}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_names_an_index_or_a_folder(lock: Path) -> None:
    assert not re.search(r"://|file:|index-url|find-links|(^|\s)/|@ ", lock.read_text(), re.MULTILINE)


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_pyproject_names_is_locked(extra: str) -> None:
    locked = {wanted.name: wanted for wanted, _ in entries(ROOT / "requirements" / f"{extra}.txt")}
    for one in direct(extra):
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        assert name in locked, f"{one} is not in requirements/{extra}.txt: make lock"
        [pinned] = locked[name].specifier
        assert one.specifier.contains(pinned.version), f"{one}, and {locked[name]} is locked: make lock"


@pytest.mark.parametrize("group", list(PROJECT["dependency-groups"]))
def test_the_tools_of_a_group_are_locked(group: str) -> None:
    locked = {wanted.name for wanted, _ in entries(ROOT / "requirements" / f"{group}.txt")}
    assert {Requirement(text).name for text in PROJECT["dependency-groups"][group]} <= locked


@pytest.mark.parametrize("extra", ["commander", "sentry", "asic"])
def test_what_runs_is_the_version_that_the_tests_run_with(extra: str) -> None:
    tested = {wanted.name: (wanted.specifier, options) for wanted, options in entries(ROOT / "requirements/dev.txt")}
    for wanted, options in entries(ROOT / "requirements" / f"{extra}.txt"):
        assert tested[wanted.name] == (wanted.specifier, options)


def test_a_build_asks_for_the_build_tool_that_is_locked() -> None:
    locked = {wanted.name: wanted.specifier for wanted, _ in entries(ROOT / "requirements" / "dev.txt")}
    [asked] = map(Requirement, PROJECT["build-system"]["requires"])
    assert asked.specifier == locked[asked.name], "write the version of requirements/dev.txt into pyproject.toml"


def test_every_call_of_pip_asks_for_hashes_or_fetches_nothing() -> None:
    calls = re.findall(r"\$\(PIP\) (.*)", (ROOT / "Makefile").read_text())
    assert calls
    for call in calls:
        assert call.startswith("$(LOCKED) -r requirements/") or call == "--no-deps --no-build-isolation -e ."
    assert re.search(r"^LOCKED := --require-hashes --only-binary=:all:$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for tool in ("lock.py", "frontend.py"):
        assert '"--require-hashes"' in (ROOT / "tools" / tool).read_text()


def test_every_front_end_package_has_its_hash() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    packages = {path: one for path, one in lock["packages"].items() if path}
    assert {f"node_modules/{name}" for name in wanted} <= set(packages)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
