"""The one line that makes a bare machine a rig: fetch the Sentry, check its hash, join, and stay."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rigfarm.commander.bundle.model import Bundle
from rigfarm.commander.join_address import JoinAddress

__all__ = ["install_line"]

_LINE = (
    "set -e; "
    "case $(uname -m) in {cases} "
    '*) echo "This Commander has no Sentry for $(uname -m)." >&2; exit 1;; esac; '
    "u={url}/bundle/rigfarm-sentry-$(uname -m); "
    'f=$(mktemp); trap "rm -f $f" EXIT; '
    'if command -v curl >/dev/null; then curl -fsS{k} --retry 5 -o "$f" "$u"; else wget -q{no} -O "$f" "$u"; fi; '
    'echo "$s  $f" | sha256sum -c - >&2; '
    '$([ "$(id -u)" = 0 ] || echo sudo) sh "$f" {verb}'
)
"""Nothing of what was fetched is run before `sha256sum` has found it to be the file whose hash stands here. It is run
by any Bourne shell with what every Linux has; as a whole it is one argument of `sh -c`, so that the shell into which it
is pasted does not matter. That check is also why it may be fetched from a certificate that no authority vouches for."""


def install_line(bundles: Sequence[Bundle], address: JoinAddress, token: str = "") -> str:
    """With a token the machine joins as a rig; without one its Sentry is only installed. "" when there is no bundle.

    The token comes on standard input: other users of the machine can see arguments.
    """
    if not bundles:
        return ""
    cases = " ".join(f"{bundle.machine}) s={bundle.sha256};;" for bundle in bundles)
    verb = f"join {address.arguments} --install" if token else "install --no-new-rights"
    k, no = ("k", " --no-check-certificate") if address.own_certificate else ("", "")
    text = _LINE.format(cases=cases, url=shlex.quote(address.url), verb=verb, k=k, no=no)
    line = f"sh -c {shlex.quote(text)}"
    return f"echo {token} | {line}" if token else line
