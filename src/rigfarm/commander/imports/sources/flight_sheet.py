"""A program of a HiveOS flight sheet as Rigfarm would run it: variables such as `%WAL%` become placeholders."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from msgspec import Raw, Struct

from rigfarm.commander.imports.model import FoundSheet
from rigfarm.commander.imports.sources.document import Scalar, words
from rigfarm.commander.imports.sources.miners import Miner, known_miners, why_unknown
from rigfarm.commander.imports.sources.rows import one_line
from rigfarm.commander.playbooks.model import Slot
from rigfarm.commander.refusals import Invalid
from rigfarm.common.pool_url import MAX_URLS

__all__ = ["Item", "translated"]

_VARIABLE = re.compile(r"%([A-Z_]{2,20})%")
_BARE = re.compile(r"[\w@%+=:,./$\{}-]*")
_OPTIONS = re.compile(r"x|[a-z]{1,8}=[\w.%-]{1,40}(?:[,;][a-z]{1,8}=[\w.%-]{1,40})*", re.IGNORECASE)
_STATS = re.compile(r"(?:^|\s)-\S*(?:api|http|webport|watchdog)", re.IGNORECASE)
_ANY = "x"
"""What pools are sent that want no password."""
_CONFIGURED = ("configurable", "custom", "")
"""What pools are called whose URLs people typed."""


class Item(Struct, frozen=True):
    """One program of a flight sheet, as HiveOS's API answers."""

    miner: Scalar = None
    miner_alt: Scalar = None
    coin: Scalar = None
    wal_id: Scalar = None
    pool: Scalar = None
    pool_urls: list[Scalar] | None = None
    pool_ssl: Scalar = None
    email: Scalar = None
    dcoin: Scalar = None
    miner_config: dict[str, Raw] | None = None


def translated(where: str, name: str, item: Item) -> FoundSheet:
    """The item as Rigfarm would run it. Invalid says why it can't be."""
    miner = known_miners().get(words(item.miner).casefold())
    if miner is None:
        program = one_line(words(item.miner)) or "an unnamed program"
        raise Invalid(why_unknown(program, one_line(words(item.miner_alt))))
    config = {key: words(value) for key, value in (item.miner_config or {}).items()}
    if words(item.dcoin) or config.get("algo2"):
        raise Invalid("It mines two coins at once: write a playbook for it on the Playbooks page.")
    algorithm = config.get("algo", "")
    if miner.needs_algorithm and not algorithm:
        raise Invalid(f"It names no algorithm, which {miner.program} needs: write a playbook for it.")
    urls = _urls(item, config)
    warnings = [f"Only the first {MAX_URLS} of its pool's URLs are used."] if len(urls) > MAX_URLS else []
    pool = words(item.pool)
    return FoundSheet(
        where=where,
        name=name,
        program=miner.program,
        version=config.get("ver", ""),
        slot=miner.slot,
        coin=words(item.coin),
        algorithm=algorithm,
        pool="" if pool.casefold() in _CONFIGURED else one_line(pool),
        urls=urls[:MAX_URLS],
        wallet=words(item.wal_id) if "%WAL%" in _login(config) else "",
        template=_template(miner, item, config, warnings),
        warnings=warnings,
    )


def _login(config: Mapping[str, str]) -> str:
    """As the pool gets it: programs put a worker that is named apart behind the wallet."""
    login, worker = config.get("template", "") or "%WAL%.%WORKER_NAME%", config.get("worker", "")
    return f"{login}.{worker}" if worker and "%WORKER_NAME%" not in login else login


def _urls(item: Item, config: Mapping[str, str]) -> list[str]:
    """Where it mines, in order."""
    listed = [url for one in item.pool_urls or [] if (url := words(one))]
    said = config.get("url", "") or config.get("server", "")
    port = config.get("port", "")
    if said and port and ":" not in said.partition("://")[2]:
        said = f"{said}:{port}"
    if not said:
        urls = listed
    elif "%URL" in said:
        urls = [_with_url(said, url) for url in listed]
    else:
        urls = re.split(r"[\s,]+", said)
    if not urls:
        raise Invalid(
            "The file has no URL of its pool: HiveOS knows it by name only. Add the pool and write a playbook."
        )
    tls = (item.miner_config or {}).get("tls", Raw(b""))
    encrypted = item.pool_ssl is True or bytes(tls).strip(b'"') in (b"true", b"1")
    urls = [url for url in urls if url]
    return list(dict.fromkeys(f"stratum+ssl://{url}" if encrypted and "://" not in url else url for url in urls))


def _with_url(said: str, url: str) -> str:
    """`stratum+tcp://%URL%` with a URL of the list."""
    plain = url.partition("://")[2] or url if "://" in said else url
    host, _, port = (url.partition("://")[2] or url).rpartition(":")
    return said.replace("%URL%", plain).replace("%URL_HOST%", host).replace("%URL_PORT%", port)


def _template(miner: Miner, item: Item, config: Mapping[str, str], warnings: list[str]) -> str:
    user = _argument(_login(config), miner.slot, item)
    password = config.get("pass", "") or _ANY
    if not _OPTIONS.fullmatch(password) and not _VARIABLE.fullmatch(password):
        warnings.append(
            "Its pool password isn't imported, and x is used: change it in the template if the pool needs it."
        )
        password = _ANY
    lines = [miner.template.strip().replace("{user}", user).replace("{pass}", _argument(password, miner.slot, item))]
    if config.get("algo"):
        lines.insert(0, miner.algorithm)
    if extra := config.get("user_config", ""):
        lines += _extra(extra, miner, item, warnings)
    return "\n".join(lines)


def _extra(extra: str, miner: Miner, item: Item, warnings: list[str]) -> list[str]:
    """Extra arguments, as they stand in the flight sheet."""
    if miner.overrides == "json":
        warnings.append(f"Its extra settings are JSON for {miner.program}'s own file, and aren't imported.")
        return []
    if _STATS.search(extra):
        warnings.append(
            "Its extra arguments are about statistics or a watchdog, which Rigfarm sets itself: check them."
        )
    return [_filled(line.strip(), miner.slot, item) for line in extra.splitlines() if line.strip()]


def _argument(text: str, slot: Slot, item: Item) -> str:
    """A text as one word of a template."""
    filled = _filled(text, slot, item)
    return filled if _BARE.fullmatch(filled) else shlex.quote(filled)


def _filled(text: str, slot: Slot, item: Item) -> str:
    """HiveOS's variables as placeholders; a plain `$` stays one. Invalid for a variable that Rigfarm doesn't have."""
    scope, number = ("CPU", "") if slot == "cpu" else ("GPU", "_1")
    placeholders = {
        "WAL": f"${{{scope}_WALLET{number}}}",
        "WORKER_NAME": "${WORKER_NAME}",
        "COIN": f"${{{scope}_COIN{number}}}",
        "URL": f"${{{scope}_POOL{number}_ENDPOINT}}",
        "URL_HOST": f"${{{scope}_POOL{number}_HOST}}",
        "URL_PORT": f"${{{scope}_POOL{number}_PORT}}",
        "EMAIL": words(item.email).replace("$", "$$"),
    }

    def value(match: re.Match[str]) -> str:
        found = placeholders.get(match[1], "")
        if not found:
            raise Invalid(f"It uses %{match[1]}%, which has no value here: write a playbook for it.")
        return found

    return _VARIABLE.sub(value, text.replace("$", "$$"))
