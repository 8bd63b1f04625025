"""The SBOM of a release, and the licences of what is locked: complete, well-formed, the same each time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rigfarm import __version__

ROOT = Path(__file__).parents[1]
HEX = {"SHA-256": 64, "SHA-512": 128}
PURL = re.compile(r"pkg:(pypi|npm|generic)/(%40[a-z0-9.-]+/)?[a-z0-9._-]+@[A-Za-z0-9.+-]+")
SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PARTS = {"bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies"}
COMPONENT = {"type", "bom-ref", "name", "version", "scope", "hashes", "licenses", "cpe", "purl", "properties"}
"""What CycloneDX knows of these, and what is used: it forbids other names."""


def _made(folder: Path, name: str = "one", **environment: str) -> bytes:
    wheel, file = folder / "rigfarm.whl", folder / f"{name}.json"
    wheel.write_bytes(b"a wheel")
    clean = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, str(ROOT / "tools" / "sbom.py"), str(wheel), str(file)]
    subprocess.run(command, check=True, env=clean | environment)
    return file.read_bytes()


@pytest.fixture(scope="module")
def bom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_made(tmp_path_factory.mktemp("sbom")))
    return found


@pytest.fixture
def licences(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import licences

    return licences


def _locked(name: str) -> dict[str, set[str]]:
    """Package URL -> hashes, read in another way than the tool does."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if not line.startswith(" "):
            package, _, version = line.split(" ")[0].partition("==")
            here = found.setdefault(f"pkg:pypi/{package}@{version}", set())
        elif "--hash=sha256:" in line:
            here.add(line.partition("--hash=sha256:")[2].split(" ")[0])
    return found


def test_it_has_the_form_of_cyclonedx(bom: dict[str, Any]) -> None:
    assert bom.keys() == PARTS
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    assert SERIAL.fullmatch(bom["serialNumber"])
    assert bom["metadata"].keys() == {"component"}, "no time"
    every = [bom["metadata"]["component"], *bom["components"]]
    for one in every:
        assert one.keys() <= COMPONENT, one
        assert one["type"] in ("application", "library", "platform")
        assert one["name"]
        assert PURL.fullmatch(one["purl"]), one["purl"]
        assert one["bom-ref"] == one["purl"]
        assert one.get("scope", "required") in ("required", "optional")
        assert [list(said) for said in one["licenses"]] == [["expression"]]
        assert re.fullmatch(r"[A-Za-z0-9.-]+( (AND|OR) [A-Za-z0-9.-]+)*", one["licenses"][0]["expression"]), one
        for hashed in one.get("hashes", ()):
            assert re.fullmatch(f"[0-9a-f]{{{HEX[hashed['alg']]}}}", hashed["content"])
    refs = [one["bom-ref"] for one in every]
    assert len(set(refs)) == len(refs)
    for depends in bom["dependencies"]:
        assert {depends["ref"], *depends["dependsOn"]} <= set(refs)
        assert len(set(depends["dependsOn"])) == len(depends["dependsOn"])


def test_everything_that_is_locked_is_in_it(bom: dict[str, Any]) -> None:
    components = {one["purl"]: one for one in bom["components"]}
    commander, asic, export = map(_locked, ("commander", "asic", "export"))
    python = commander | asic | export
    assert len(python) > 60
    for purl, hashes in python.items():
        assert {one["content"] for one in components[purl]["hashes"]} == hashes, purl
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    names = {path.removeprefix("node_modules/"): said["version"] for path, said in packages.items() if path}
    npm = {f"pkg:npm/{name.replace('@', '%40')}@{version}" for name, version in names.items()}
    ours, sentry = f"pkg:pypi/rigfarm@{__version__}", f"pkg:generic/rigfarm-sentry@{__version__}"
    interpreter = f"pkg:generic/cpython@{sys.version.split()[0]}"
    assert components.keys() == python.keys() | npm | {sentry, interpreter}
    graph = {one["ref"]: set(one["dependsOn"]) for one in bom["dependencies"]}
    assert graph[sentry] == asic.keys() | {interpreter}
    assert graph[ours] == commander.keys() | export.keys() | npm | {sentry}


def test_the_same_release_is_described_alike(tmp_path: Path) -> None:
    once = _made(tmp_path)
    assert _made(tmp_path, PYTHONHASHSEED="7") == once
    dated = json.loads(_made(tmp_path, SOURCE_DATE_EPOCH="1790000000"))
    assert dated["metadata"]["timestamp"] == "2026-09-21T14:13:20Z"
    assert dated["serialNumber"] != json.loads(once)["serialNumber"]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("(Unlicense OR Apache-2.0)", True),
        ("LicenseRef-Proprietary", False),
        ("", False),
    ],
)
def test_what_a_licence_must_be(licences: ModuleType, expression: str, allowed: bool) -> None:
    assert licences.is_allowed(expression) is allowed


def test_a_package_that_must_not_be_here_is_named(
    licences: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        licences.main()
    assert (ended.value.code, capsys.readouterr().out) == (False, "")
    monkeypatch.setitem(licences.BY_HAND, "six", "GPL-3.0-only")
    monkeypatch.setitem(licences.BY_HAND, "left-pad", "MIT")
    monkeypatch.delitem(licences.BY_HAND, "aiofiles")
    with pytest.raises(SystemExit) as ended:
        licences.main()
    assert ended.value.code is True
    said = capsys.readouterr().out
    for line in ("six: GPL-3.0-only: ", "left-pad: ", "aiofiles: its licence is unknown: "):
        assert line in said
