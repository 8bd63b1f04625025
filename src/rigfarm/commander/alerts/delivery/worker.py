"""Sends one message by Apprise, in a process of its own, and says what the service answered.

Run as a file, with a request as JSON on its input. Apprise brings more than a hundred services, each with code of its
own: here none of it can slow down the Commander, stay in its memory, or connect to where nothing may be sent. Every
address is looked at when it is connected to, after redirects too; nothing else may be started or opened from here.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rigfarm.commander.outbound.secrets import without_secrets

MOST_MEMORY = 1 << 30
MOST_BYTES = 64 << 10
"""Of an answer that are read."""
MOST_ANSWER = 300
CONNECT_S, READ_S = 5.0, 10.0
_FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "pty.spawn")


class ForbiddenError(OSError):
    """Nothing is sent there. An OSError, so that every library takes it for a connection that failed."""


class Guard:
    """Which addresses may be connected to."""

    def __init__(self, networks: list[str], *, lan: bool) -> None:
        self.networks = [ipaddress.ip_network(one) for one in networks]
        self.lan = lan
        self.plain = False
        """Whether what is being connected would not be encrypted."""
        self.refused = ""
        self.armed = False

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """For `sys.addaudithook`."""
        if not self.armed:
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            self.check(args[0], args[1])
        elif event in _FORBIDDEN:
            raise self._refusal(f"it would start a program ({event})")

    def check(self, of: socket.socket, address: Any) -> None:
        """ForbiddenError before any packet is sent."""
        from rigfarm.commander.outbound.addresses import in_any, is_public, unwrapped

        if of.family not in (socket.AF_INET, socket.AF_INET6):
            raise self._refusal("only network addresses are allowed")
        if address is None:
            return
        try:
            found = unwrapped(ipaddress.ip_address(str(address[0]).partition("%")[0]))
        except ValueError:
            raise self._refusal(f"{address[0]} was not looked up") from None
        if in_any(found, self.networks):
            if not self.lan:
                raise self._refusal(f"{found} is an address of the LAN: tick “in the LAN” if you mean that")
            return
        if not is_public(found):
            raise self._refusal(f"{found} is blocked: nothing is sent there")
        if self.plain:
            raise self._refusal(f"{found} is outside the LAN: only encrypted connections are allowed there")

    @contextmanager
    def connecting(self, *, plain: bool) -> Iterator[None]:
        """What is connected to meanwhile is encrypted or not, whatever holds for the rest of the service."""
        before, self.plain = self.plain, plain
        try:
            yield
        finally:
            self.plain = before

    def _refusal(self, why: str) -> ForbiddenError:
        self.refused = self.refused or why
        return ForbiddenError(why)


def main() -> None:
    """One request, one answer."""
    request = json.load(sys.stdin)
    sys.path.insert(0, request["path"])
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    guard = Guard(request["networks"], lan=request["lan"])
    sys.addaudithook(guard.hook)
    try:
        ok, answer, service = run(request, guard)
    except MemoryError:
        ok, answer, service = False, "The answer was too large.", ""
    json.dump({"ok": ok, "answer": answer[:MOST_ANSWER], "service": service}, sys.stdout)


def run(request: dict[str, Any], guard: Guard) -> tuple[bool, str, str]:
    """(whether the service took it, what it answered, the service's name)"""
    import apprise

    answers = read_little(guard)
    asset = apprise.AppriseAsset(async_mode=False, secure_logging=True, storage_mode=apprise.PersistentStoreMode.MEMORY)
    target = apprise.Apprise.instantiate(request["url"], asset=asset, suppress_exceptions=True)
    if target is None:
        return False, "Apprise does not know this kind of URL, or a part of it is missing.", ""
    service = str(target.service_name or "")
    if request["op"] == "check":
        return True, "", service
    target.socket_connect_timeout, target.socket_read_timeout = CONNECT_S, READ_S
    guard.plain = not encrypts(target)
    guard.armed = True
    with apprise.LogCapture(level=logging.INFO, fmt="%(message)s") as log:  # type: ignore[no-untyped-call]
        try:
            ok = bool(target.notify(body=request["body"], title=request["title"], notify_type=request["type"]))
        except Exception as error:  # noqa: BLE001 - whatever a service's code raises is its answer
            ok = False
            answers.append(f"{type(error).__name__}: {error}")
        said = log.getvalue()
    guard.armed = False
    if guard.refused:
        return False, f"Not sent: {guard.refused}.", service
    answer = answers[-1] if answers else " ".join(said.split()) or ("sent" if ok else "no answer")
    return ok, without_secrets(answer, request["url"]), service


def encrypts(target: Any) -> bool:
    """Whether a service encrypts what it sends in a way of its own, such as mail. Web requests say it by their URL.
    Apprise calls `aprs://` secure because it ends with an s, but has no other URL for it that is not."""
    return (
        bool(target.secure) and bool(target.protocol) and getattr(target, "secure_mode", "") not in ("insecure", "none")
    )


def read_little(guard: Guard) -> list[str]:
    """Let `requests` read a bounded part of each answer, and note what services answered; returns the notes."""
    import requests.adapters
    from apprise.utils.socket import SocketTransport

    notes: list[str] = []
    send = requests.adapters.HTTPAdapter.send

    def bounded(self: Any, request: Any, **more: Any) -> Any:
        try:
            with guard.connecting(plain=not str(request.url).casefold().startswith("https://")):
                answer = send(self, request, **{**more, "stream": True})
                answer._content = answer.raw.read(MOST_BYTES, decode_content=True) or b""
            answer._content_consumed = True
        except Exception as error:
            notes.append(f"{type(error).__name__}: {error}")
            raise
        text = answer._content.decode("utf-8", "replace")  # whole: a secret that is cut is not found any more
        notes.append(f"HTTP {answer.status_code} {' '.join(text.split())}".strip())
        return answer

    connect = SocketTransport.connect

    def guarded(self: Any) -> None:
        with guard.connecting(plain=not self.secure):
            connect(self)

    requests.adapters.HTTPAdapter.send = bounded  # type: ignore[method-assign, assignment]
    SocketTransport.connect = guarded  # type: ignore[method-assign]
    return notes


if __name__ == "__main__":
    main()
