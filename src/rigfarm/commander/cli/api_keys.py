"""Keys for the JSON API."""

from __future__ import annotations

import click

from rigfarm.commander.cli.context import ask_commander, settings_of

__all__ = ["api_key"]


@click.group("api-key")
def api_key() -> None:
    """Manage the keys for the JSON API, whether or not the Commander is running."""


@api_key.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="What it can do; repeat for more. [read]")
@click.option("--expires", default="90d", show_default=True, help="After this many hours or days (12h, 90d), or never.")
@click.pass_context
def create(context: click.Context, name: str, scopes: tuple[str, ...], expires: str) -> None:
    """Create a key. The last word printed is the key; it is not shown again.

    \b
    Scopes:
      read       see rigs, statistics and configuration
      metrics    read /metrics, for Prometheus
      operate    apply, start and stop playbooks; restart and reboot rigs
      configure  change rigs and their tokens, playbooks, software, addresses
      enrol      create rigs and receive their tokens, as an ASIC Sentry does
      access     list, create and revoke keys that can do no more; list and end logins
    """
    from rigfarm.commander.auth.control import CreateKey

    answer = ask_commander(settings_of(context), CreateKey(name, scopes or ("read",), _seconds(expires)))
    key = answer.keys[0]
    ends = f"expires {key.expires:%Y-%m-%d %H:%M} UTC" if key.expires else "never expires"
    click.echo(f"API key {key.name} can {key.may}. It {ends}.")
    click.echo(f"API key {key.name}: {answer.secret}")


@api_key.command("list")
@click.pass_context
def list_keys(context: click.Context) -> None:
    """List all keys: scopes, when they were created and expire, when and from where they were last used (UTC)."""
    from rigfarm.commander.auth.control import ListKeys

    for key in ask_commander(settings_of(context), ListKeys()).keys:
        used = f"{key.last_used:%Y-%m-%d %H:%M} from {key.last_used_from}" if key.last_used else "never"
        ends = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else "never"
        click.echo(
            f"{key.name}\tmay {key.may}\tmade {key.created:%Y-%m-%d %H:%M}\t"
            f"{'expired' if key.expired else 'expires'} {ends}\tused {used}"
        )


@api_key.command("revoke")
@click.argument("name")
@click.pass_context
def revoke(context: click.Context, name: str) -> None:
    """Refuse a key from now on."""
    from rigfarm.commander.auth.control import RevokeKey

    answer = ask_commander(settings_of(context), RevokeKey(name))
    click.echo(f"API key {answer.keys[0].name} is refused from now on.")


def _seconds(text: str) -> float | None:
    """`90d` and `12h` in seconds; `never` is None."""
    from rigfarm.commander.auth.model import MAX_EXPIRY_S

    if text == "never":
        return None
    number, unit = text[:-1], {"h": 3600, "d": 86_400}.get(text[-1:])
    if unit is None or not number.isdecimal() or len(number) > 6 or not 0 < int(number) * unit <= MAX_EXPIRY_S:
        raise click.ClickException("--expires takes hours or days, for example 12h or 90d (at most 3650d), or never.")
    return float(int(number) * unit)
