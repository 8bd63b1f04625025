"""A mining program that mines nothing: serves a stats API and misbehaves on request.

One file, standard library only, because it is packed into archives and run far from this package. XMRig's API is built
in (`--http-port=N`); `--api NAME --api-port N` serves that of another program, through `rigfarm.simulate.miners`, where
the interpreter has it. Unknown options are ignored, as real programs ignore nothing but each other's.

`--behave A,B` with, from the start or after `--after` seconds: `hang` (the API accepts and never answers), `deaf` (no
API at all), `zero` (0 H/s), `slow` (a tenth), `crash` (dies by a signal), `exit` (code `--exit-code`), `oom` (killed),
`flood` (prints without end); and from the start: `fork`, `setsid`, `double-fork` (three processes each), `clean-env`
(those lose their environment), `bomb` (forks for ever), `ignore-term`, `colours` (prints escape sequences).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import socket
import sys
import threading
import time

VERSION = "6.22.2"


def main() -> None:
    options = parse(sys.argv[1:])
    if options.version:
        print(f"XMRig {VERSION} (fake)")
        return
    if "ignore-term" in options.behave:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(options.pids, str(os.getpid()))
    if options.dump:
        seen = {"argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ), "uid": os.getuid(), "nice": os.nice(0)}
        note(options.dump, json.dumps(seen))
    alone = Alone(options.instance)
    breed(options)
    print(f" * ABOUT        XMRig/{VERSION} fake, pid {os.getpid()}", flush=True)
    if "colours" in options.behave:
        print("\x1b[1;32mgreen\x1b[0m \x1b]0;title\x07\u202eevil\u202c \x07bell \x9b31mred\rlast", flush=True)
    if options.http_port:
        threading.Thread(target=Api(options).serve, daemon=True).start()
    if options.api:
        threading.Thread(target=serve_other, args=(options,), daemon=True).start()
    live(options)
    alone.release()


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--http-host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int)
    parser.add_argument("--api", help="name of another program whose API it serves")
    parser.add_argument("--api-port", type=int)
    parser.add_argument("--hashrate", type=float, default=12_000.0)
    parser.add_argument("--behave", type=lambda text: set(text.split(",")), default=set())
    parser.add_argument("--after", type=float, default=0.1)
    parser.add_argument("--exit-code", type=int, default=0)
    parser.add_argument("--pids", help="append the pid of every process here")
    parser.add_argument("--dump", help="append argv, folder and environment here, as JSON")
    parser.add_argument("--instance", help="lock this file; append to FILE.double if it is locked already")
    parser.add_argument("--algo", "-a", default="rx/0")
    parser.add_argument("--url", "-o", default="pool.test:3333")
    parser.add_argument("--version", action="store_true")
    return parser.parse_known_args(argv)[0]


def note(path: str | None, line: str) -> None:
    """Append a line in one write, so that processes do not mix theirs."""
    if path:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, line.encode() + b"\n")
        os.close(file)


class Alone:
    """Notices a second instance."""

    def __init__(self, path: str | None) -> None:
        if path:
            self.file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(f"{path}.double", str(os.getpid()))

    def release(self) -> None:
        """Nothing to do: the lock goes with the process. Keeps the object alive until then."""


def breed(options: argparse.Namespace) -> None:
    """The processes that a hostile program leaves behind."""
    for kind in ("fork", "setsid", "double-fork"):
        if kind in options.behave:
            for _ in range(3):
                child(options, kind)
    if "bomb" in options.behave:
        threading.Thread(target=bomb, args=(options,), daemon=True).start()


def child(options: argparse.Namespace, kind: str) -> None:
    pid = os.fork()
    if pid:
        if kind == "double-fork":
            os.waitpid(pid, 0)
        return
    if kind != "fork":
        os.setsid()
    if kind == "double-fork" and os.fork():
        os._exit(0)
    note(options.pids, str(os.getpid()))
    if "clean-env" in options.behave:
        os.execve("/bin/sleep", ["sleep", "3600"], {})  # noqa: S606 - a fixed program
    while True:
        time.sleep(60)


def bomb(options: argparse.Namespace) -> None:
    """A chain of processes of which each forks the next and goes away, too fast for a list of them to stay true."""
    if os.fork():
        return
    os.setsid()
    note(options.pids, str(os.getpid()))
    while True:
        if os.fork():
            os._exit(0)
        time.sleep(0.002)


def live(options: argparse.Namespace) -> None:
    time.sleep(options.after)
    if "crash" in options.behave:
        print("CUDA error: an illegal memory access was encountered", flush=True)
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGABRT)
    if "oom" in options.behave:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in options.behave:
        print("nothing to do, bye", flush=True)
        sys.stdout.flush()
        os._exit(options.exit_code)
    flood = memoryview(b"speed 10s/60s/15m 12000.1 12000.2 n/a H/s max 12001.3 H/s\n" * 512)
    while "flood" in options.behave:
        os.write(1, flood)
    while True:
        time.sleep(1)
        print(f" miner    speed 10s/60s/15m {options.hashrate:.1f} n/a n/a H/s", flush=True)


class Api:
    """XMRig's `/2/summary` and `/2/backends`, one connection at a time."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.began = time.monotonic()

    def serve(self) -> None:
        if "deaf" in self.options.behave:
            time.sleep(self.options.after)
            return
        listener = socket.create_server((self.options.http_host, self.options.http_port), backlog=16)
        kept = []
        while True:
            client, _ = listener.accept()
            if self.bad("hang"):
                kept.append(client)
                continue
            with client:
                client.settimeout(2)
                self.answer(client)

    def bad(self, what: str) -> bool:
        return what in self.options.behave and time.monotonic() - self.began >= self.options.after

    def answer(self, client: socket.socket) -> None:
        try:
            path = client.recv(4096).split(b" ", 2)[1]
        except (OSError, IndexError):
            return
        found = {b"/2/summary": self.summary, b"/2/backends": self.backends}.get(path)
        body = json.dumps(found() if found else {"error": "NOT_FOUND"}).encode()
        status = b"200 OK" if found else b"404 Not Found"
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        try:
            client.sendall(head % (status, len(body)) + body)
        except OSError:
            return

    def rate(self) -> float:
        return float(self.options.hashrate) * (0 if self.bad("zero") else 0.1 if self.bad("slow") else 1)

    def summary(self) -> dict[str, object]:
        uptime = int(time.monotonic() - self.began)
        return {
            "id": "fake",
            "worker_id": "fake",
            "uptime": uptime,
            "version": VERSION,
            "kind": "miner",
            "algo": self.options.algo,
            "hashrate": {"total": [self.rate() or None, None, None], "highest": self.options.hashrate},
            "results": {"shares_good": uptime, "shares_total": uptime, "hashes_total": 1, "error_log": []},
            "connection": {"pool": self.options.url, "uptime": uptime, "accepted": uptime, "rejected": 0},
        }

    def backends(self) -> list[dict[str, object]]:
        threads = [{"intensity": 1, "affinity": n, "hashrate": [self.rate() / 4, None, None]} for n in range(4)]
        rates = [self.rate() or None] * 3
        return [{"type": "cpu", "enabled": True, "algo": self.options.algo, "hashrate": rates, "threads": threads}]


def serve_other(options: argparse.Namespace) -> None:
    """The stats API of another program, faults included."""
    import asyncio
    import dataclasses

    from rigfarm.simulate.miners import FakeMiner

    async def forever() -> None:
        async with FakeMiner(options.api, port=options.api_port) as fake:
            await asyncio.sleep(options.after)
            fake.fault = "hang" if "hang" in options.behave else None
            if "zero" in options.behave:
                fake.model = dataclasses.replace(fake.model, paused=True)
            await asyncio.Event().wait()

    asyncio.run(forever())


if __name__ == "__main__":
    main()
