"""The commands of an unpacked bundle: small shell scripts that start its Python with its own loader and libraries."""

from __future__ import annotations

import json
import platform
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


def write(tree: Path) -> None:
    """`bin/rigfarm`, as after an ordinary installation, and `bin/python`, with which it starts what helps it."""
    for name, module in (("rigfarm", "-m rigfarm.cli "), ("python", "")):
        script = tree / "bin" / name
        script.write_text(_START.format(loader=LOADER, module=module))
        script.chmod(0o755)
    (tree / MARK).write_text(json.dumps({"machine": platform.machine()}) + "\n")
