"""What a release contains, as an SBOM (CycloneDX 1.6, JSON): the locked Python packages of a Commander and of a Sentry
in one file, that Sentry's own Python, and the front-end packages; each with version, licence, hashes and package URL.

The same release is described in the same bytes: the only time in it is SOURCE_DATE_EPOCH, if there is one.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import platform
import runpy
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

import licences

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int"
Component: TypeAlias = dict[str, Json]

REQUIREMENTS = licences.ROOT / "requirements"
LOCKS = ("commander", "asic", "export")
"""Files in requirements/: of a Commander, of the Sentry in one file, of Parquet exports."""
SENTRY = "rigfarm-sentry"
PYTHON = "cpython"


def sbom(wheel: Path) -> dict[str, Json]:
    """Of the release with this wheel."""
    version = str(runpy.run_path(str(licences.ROOT / "src" / "rigfarm" / "__init__.py"))["__version__"])
    commander, sentry, export = (list(licences.locked(REQUIREMENTS / f"{one}.txt")) for one in LOCKS)
    required = {package.name for package in (*commander, *sentry)}
    python = {_purl(one): _python_package(one, required) for one in (*commander, *sentry, *export)}
    front_end = {str(one["bom-ref"]): one for one in map(_npm_package, licences.front_end().items())}
    ours = _ours(f"pkg:pypi/rigfarm@{version}", "rigfarm", version)
    ours["hashes"] = _hashes("SHA-256", [hashlib.sha256(wheel.read_bytes()).hexdigest()])
    bundled = _ours(f"pkg:generic/{SENTRY}@{version}", SENTRY, version)
    interpreter = _interpreter()
    found = [
        *sorted((*python.values(), *front_end.values(), interpreter, bundled), key=lambda one: str(one["bom-ref"]))
    ]
    graph = {
        str(ours["purl"]): [*map(_purl, (*commander, *export)), *front_end, str(bundled["purl"])],
        str(bundled["purl"]): [*map(_purl, sentry), str(interpreter["bom-ref"])],
    }
    described: dict[str, Json] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {**_time(), "component": ours},
        "components": [*found],
        "dependencies": [{"ref": ref, "dependsOn": [*sorted(set(on))]} for ref, on in graph.items()],
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    return {**described, "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, digest).urn}


def _python_package(one: licences.Package, required: Iterable[str]) -> Component:
    """A package of a lock. One that isn't everywhere, or only for exports, is optional."""
    only_where: list[Json] = [{"name": "rigfarm:only-where", "value": one.marker}] if one.marker else []
    return {
        "type": "library",
        "bom-ref": _purl(one),
        "name": one.name,
        "version": one.version,
        "scope": "required" if one.name in required and not one.marker else "optional",
        "hashes": _hashes("SHA-256", one.hashes),
        "licenses": [{"expression": licences.licence(one.name)}],
        "purl": _purl(one),
        **({"properties": only_where} if only_where else {}),
    }


def _npm_package(named: tuple[str, dict[str, str]]) -> Component:
    name, said = named
    purl = f"pkg:npm/{quote(name)}@{said['version']}".replace("npm/@", "npm/%40")
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": said["version"],
        "scope": "optional" if said.get("optional") else "required",
        "hashes": _hashes("SHA-512", [base64.b64decode(said["integrity"].removeprefix("sha512-")).hex()]),
        "licenses": [{"expression": licences.spdx(said["license"])}],
        "purl": purl,
    }


def _interpreter() -> Component:
    """The Python that builds the bundle is the one in it."""
    version = platform.python_version()
    purl = f"pkg:generic/{PYTHON}@{version}"
    return {
        "type": "platform",
        "bom-ref": purl,
        "name": PYTHON,
        "version": version,
        "licenses": [{"expression": "PSF-2.0"}],
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        "purl": purl,
    }


def _ours(purl: str, name: str, version: str) -> Component:
    licensed: list[Json] = [{"expression": "Apache-2.0"}]
    return {
        "type": "application", "bom-ref": purl, "name": name, "version": version, "licenses": licensed, "purl": purl,
    }  # fmt: skip


def _purl(one: licences.Package) -> str:
    return f"pkg:pypi/{one.name}@{one.version}"


def _hashes(algorithm: str, found: Iterable[str]) -> list[Json]:
    return [{"alg": algorithm, "content": one} for one in sorted(set(found))]


def _time() -> dict[str, Json]:
    said = os.environ.get("SOURCE_DATE_EPOCH")
    return {"timestamp": datetime.fromtimestamp(int(said), UTC).isoformat().replace("+00:00", "Z")} if said else {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the SBOM of a release.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("file", type=Path)
    asked = parser.parse_args()
    asked.file.write_text(json.dumps(sbom(asked.wheel), indent=1) + "\n", encoding="utf-8")
