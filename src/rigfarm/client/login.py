"""`rigfarm login` and `rigfarm logout`."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

import click

from rigfarm.client import config
from rigfarm.client.config import Login
from rigfarm.client.connection import Api, certificate_of
from rigfarm.client.errors import ExitCode, Failure, Untrusted
from rigfarm.client.show import text
from rigfarm.common.commander_url import commander_url
from rigfarm.common.fingerprints import find_fingerprint, fingerprint_text

__all__ = ["login", "logout"]


@click.command()
@click.argument("url")
@click.option("--fingerprint", default="", help="SHA256:… of the Commander's own certificate, which you know already.")
@click.option("--ca", "ca_file", default="", help="PEM file of the authority behind its https.")
@click.option("--insecure-http", is_flag=True, help="Allow plain http://: over a tunnel of yours.")
def login(url: str, fingerprint: str, ca_file: str, insecure_http: bool) -> None:
    """Use the Commander at URL from now on.

    Asks for an API key, which you create on the Commander's settings page. Scripts give it on standard input or as
    RIGFARM_API_KEY.
    """
    try:
        address = commander_url(url)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _refuse_plain_http(address, insecure_http=insecure_http)
    pinned = find_fingerprint(fingerprint)
    if fingerprint and pinned is None:
        raise click.UsageError("A fingerprint is SHA256: and 64 hexadecimal digits.")
    if pinned is None and address.startswith("https:"):
        pinned = _agreed(address, ca_file)
    found = Login(address, _key(), pinned.hex() if pinned else "", ca_file and os.path.abspath(ca_file))
    who = Api(found).get("/api/session").content
    where = config.save(found)
    click.echo(f"Logged in to {address} with the key {text(who.get('name', ''))} ({text(who.get('scopes', []))}).")
    click.echo(f"Stored in {where}; rigfarm logout deletes it.")


@click.command()
def logout() -> None:
    """Forget the Commander and its key. The key itself stays good until it is revoked."""
    click.echo("Logged out." if config.forget() else "You were not logged in.")


def _refuse_plain_http(url: str, *, insecure_http: bool) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    own = host in ("localhost", "::1") or host.startswith("127.")
    if parts.scheme == "http" and not own and not insecure_http:
        raise click.UsageError(
            f"{url} is plain http: others could read your key. Use https://, or --insecure-http over a tunnel."
        )


def _agreed(url: str, ca_file: str) -> bytes | None:
    """The certificate to pin; None where authorities vouch for it. Nothing secret is sent here."""
    try:
        Api(Login(url, "", ca_file=ca_file)).check()
    except Untrusted as failure:
        seen = certificate_of(url)
        click.echo(f"{failure.message}\nIt shows {fingerprint_text(seen)}")
        click.echo(
            "Compare this with Settings on the Commander, or with what `rigfarm commander fingerprint` prints there."
        )
        if not sys.stdin.isatty():
            raise Failure("Give --fingerprint, if it is the right one.", ExitCode.UNREACHABLE) from None
        click.confirm("Is it the same?", abort=True)
        return seen
    return None


def _key() -> str:
    key = os.environ.get("RIGFARM_API_KEY", "")
    if not key:
        key = click.prompt("API key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise Failure("This is not an API key.", ExitCode.LOGIN)
    return key
