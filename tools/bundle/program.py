"""The commands of an unpacked bundle: small shell scripts that start its Python with its own loader and libraries."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path

from libraries import LOADER

MARK = "bundle.json"
"""Tells the Sentry that it runs from a bundle; see rigfarm.sentry.install.program."""
_START = """\
#!/bin/sh
case $0 in */*) here=${{0%/*}}/.. ;; *) here=.. ;; esac
here=$(CDPATH='' cd -P -- "$here" && pwd -P) || exit 1
# OpenSSL: not this machine's configuration, which may be for another version of it, but its certificates.
export OPENSSL_CONF=/dev/null
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem \\
    /etc/ssl/cert.pem "$here"/lib/python*/certifi/cacert.pem; do
    [ -n "${{SSL_CERT_FILE:-}}" ] || [ ! -r "$file" ] || export SSL_CERT_FILE="$file"
done
exec "$here/lib/{loader}" --library-path "$here/lib" --argv0 "$here/bin/python" \\
    "$here/bin/python.elf" -I -S {module}"$@"
"""


_START_WITH_PYTHON = """\
#!/bin/sh
case $0 in */*) here=${0%/*} ;; *) here=. ;; esac
exec "$here/python" -I -m rigfarm.cli "$@"
"""
_FIND_PYTHON = """\
# Which Python of this machine runs it; the first argument is the folder that it was unpacked into.
for name in python3 {names}; do
    found=$(command -v "$name") || continue
    version=$("$found" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    [ -d "$1/lib/python$version" ] || continue
    ln -s "$found" "$1/bin/python"
    printf 'home = %s\\ninclude-system-site-packages = false\\n' "${{found%/*}}" >"$1/pyvenv.cfg"
    exit 0
done
echo "This Sentry needs Python {versions}, and this machine has none of them. \
A self-contained one needs no Python: \\`make bundle\\` where the Commander was installed from makes it." >&2
exit 1
"""


def write(tree: Path) -> None:
    """`bin/rigfarm`, as after an ordinary installation, and `bin/python`, with which it starts what helps it."""
    for name, module in (("rigfarm", "-m rigfarm.cli "), ("python", "")):
        _script(tree / "bin" / name, _START.format(loader=LOADER, module=module))
    _mark(tree, platform.machine())


def write_with_python(tree: Path, machine: str, versions: Sequence[str]) -> None:
    """`bin/rigfarm`, and the script that ties it to a Python of the rig as a virtual environment is."""
    _script(tree / "bin" / "rigfarm", _START_WITH_PYTHON)
    names = " ".join(f"python{version}" for version in reversed(versions))
    (tree / "find-python.sh").write_text(_FIND_PYTHON.format(names=names, versions=" or ".join(versions)))
    _mark(tree, machine)


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _mark(tree: Path, machine: str) -> None:
    (tree / MARK).write_text(json.dumps({"machine": machine}) + "\n")
