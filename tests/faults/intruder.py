"""Every way we know of for a local user to get more than it has from the Sentry of its machine.

Standard library only: it is packed as a mining program, and run as another user. Given a file with what it may know
(the page's port, the data folder, process ids), it writes beside it, as JSON, which ways it tried, which of them led
somewhere, and all that it has seen on them.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import urlencode

TOKEN = "rf_" + "A" * 43
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
FILES = (
    "tokens.json", "sentry.toml", "commander.json", "spool.db", "spool.db-wal", "clock.json", "gpus.json", "lock",
    "asics.sqlite", "asics.sqlite-wal", "playbooks/assigned.json", "playbooks/ledger.json", "playbooks/logs/1.log",
    "playbooks/logs/1.supervisor.log", "playbooks/logs/2.log",
)  # fmt: skip
FOLDERS = (".", "playbooks", "playbooks/logs", "playbooks/work", "playbooks/software/archives", "adapters")
POSTS = (
    ("/token", {"url": "{evil}", "token": TOKEN}),
    ("/token", {"token": TOKEN}),
    ("/asics/begin", {"password": "eight or more", "again": "eight or more"}),
    ("/asics/commander", {"address": "{evil}"}),
    ("/asics/enrol", {"commander": "{evil}", "key": "re_" + "A" * 43, "names": "{ip}", "pick-127.0.0.1": "on"}),
    ("/asics/add", {"ip": "10.9.9.9", "name": "x", "token": TOKEN, "model": "auto"}),
    ("/asics/csv", {"csv": f"10.9.9.9,x,{TOKEN}"}),
    ("/asics/scan", {"range": "10.9.9.0/28"}),
    ("/asics/1", {"ip": "{evil_host}", "token": TOKEN, "model": "auto"}),
    ("/asics/1/accept", {}),
    ("/asics/1/remove", {}),
    ("/login", {"password": ""}),
    ("/login", {"password": "AAAA-AAAA-AAAA-AAAA"}),
    ("/login", {"password": "password"}),
)


class Intruder:
    def __init__(self, known: dict[str, object]) -> None:
        self.port = int(str(known["port"]))
        self.folder = str(known["folder"])
        self.pids = [int(pid) for pid in known["pids"]]  # type: ignore[attr-defined]
        self.evil = str(known["evil"])
        self.program = os.path.abspath(__file__) if known.get("is_program") else ""
        self.tried: list[str] = []
        self.got: list[str] = []
        self.seen: list[str] = []

    def attempt(self, name: str, way: Callable[[], object]) -> None:
        """`way` succeeds when it returns something true; what it returns as text counts as seen."""
        self.tried.append(name)
        try:
            found = way()
        except (OSError, ValueError, subprocess.SubprocessError, http.client.HTTPException):
            return
        if isinstance(found, bytes | str):
            text = found.decode(errors="replace") if isinstance(found, bytes) else found
            self.seen.append(text[:200_000])
        elif found:
            self.got.append(name)

    def all(self) -> None:
        for name in os.listdir("/proc/self/fd"):
            # Its output is a pipe, and a descriptor of this very listing is gone by now.
            self.attempt(f"descriptor {name}", lambda name=name: int(name) > 2 and os.fstat(int(name)) is not None)
        for group in (self.page, self.socket, self.files, self.processes, self.privileges):
            group()

    # The page

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str, str]:
        one = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        base = {"Host": f"127.0.0.1:{self.port}", "Origin": f"http://127.0.0.1:{self.port}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if form is not None:
            base["Content-Type"] = "application/x-www-form-urlencoded"
        one.request(method, path, urlencode(form) if form is not None else None, {**base, **named})
        answer = one.getresponse()
        text = answer.read().decode(errors="replace")
        self.seen.append(text)
        cookie = answer.getheader("Set-Cookie") or ""
        one.close()
        return answer.status, text, cookie

    def page(self) -> None:
        secret, cookie = "", ""
        for path in ("/login", "/token", "/asics"):
            _, text, given = self.ask("GET", path, Cookie=cookie)
            cookie = given.partition(";")[0] or cookie
            secret = (re.findall(r'name="csrf" value="(\w+)"', text) or [secret])[0]
        disguises: tuple[dict[str, str], ...] = (
            {},
            {"X_Forwarded_For": "127.0.0.1", "X_Real_IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
            {"Host": "localhost", "Origin": "http://localhost"},
        )
        for path, fields in POSTS:
            form = {name: value.replace("{evil}", self.evil).replace("{evil_host}", "127.0.0.1") for name, value in
                    fields.items()}  # fmt: skip
            for number, disguise in enumerate(disguises):
                sent = {"Cookie": cookie, **disguise}
                self.attempt(
                    f"POST {path} {sorted(fields)} {number}",
                    lambda path=path, form=form, sent=sent: (
                        self.ask("POST", path, {"csrf": secret, **form}, **sent)[0] in (200, 303)
                    ),
                )
        for path in ("/token", "/asics", "/asics/add", "/asics/csv", "/asics/1", "/asics/2"):
            for cookie_of in ("", f"rigfarm_sentry={'A' * 43}", cookie):
                self.attempt(
                    f"GET {path} {cookie_of[:20]}",
                    lambda path=path, sent=cookie_of: self.ask("GET", path, Cookie=sent)[0] == 200,
                )
        for path in ("/", "/status.json", "/?values=1", "/code", "/code.json", "/../tokens.json", "/%2e%2e/tokens.json",
                     "/sentry.css/../../../../tokens.json"):  # fmt: skip
            self.attempt(f"look at {path}", lambda path=path: self.ask("GET", path)[1])
        self.attempt("a second request in a body", self.smuggled)

    def smuggled(self) -> bool:
        inner = f"GET /token HTTP/1.1\r\nHost: localhost\r\nCookie: rigfarm_sentry={'A' * 43}\r\n\r\n"
        head = "POST /logout HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nTransfer-Encoding: chunked\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as one:
            one.sendall(f"{head}Content-Length: {len(inner) + 5}\r\n\r\n0\r\n\r\n{inner}".encode())
            answer = one.makefile("rb").read().decode(errors="replace")
        self.seen.append(answer)
        return "This machine needs a token" in answer

    # The Unix socket

    def socket(self) -> None:
        def connect(path: str) -> bool:
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(5)
                one.connect(path)
                one.sendall(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.seen.append(one.makefile("rb").read().decode(errors="replace"))
                return True

        self.attempt("its socket", lambda: connect(f"{self.folder}/sentry.sock"))
        for pid in self.pids:
            self.attempt(
                f"its socket by /proc {pid}", lambda pid=pid: connect(f"/proc/{pid}/root{self.folder}/sentry.sock")
            )
        self.attempt("its socket replaced", lambda: os.unlink(f"{self.folder}/sentry.sock") is None)

    # Files

    def files(self) -> None:
        for name in FILES:
            path = f"{self.folder}/{name}"
            self.attempt(f"read {name}", lambda path=path: _read(path, 1 << 20))
            self.attempt(f"write {name}", lambda path=path: _may_open(path, os.O_RDWR))
            self.attempt(f"replace {name}", lambda path=path: os.replace(self.bait(), path) is None)
            self.attempt(f"chmod {name}", lambda path=path: os.chmod(path, 0o666) is None)
            self.attempt(f"link {name}", lambda path=path: os.link(path, self.bait() + ".link") is None)
        for name in FOLDERS:
            path = f"{self.folder}/{name}"
            self.attempt(f"list {name}", lambda path=path: len(os.listdir(path)) > 0)
            self.attempt(f"plant in {name}", lambda path=path: os.symlink("/etc/passwd", f"{path}/planted") is None)
            self.attempt(f"move {name}", lambda path=path: os.rename(path, path + ".gone") is None)
        if self.program:
            self.attempt("write its own program", lambda: _may_open(self.program, os.O_WRONLY | os.O_APPEND))
            self.attempt("replace its own program", lambda: os.replace(self.bait(), self.program) is None)
            self.attempt("chmod its own program", lambda: os.chmod(self.program, 0o777) is None)
            self.attempt(
                "plant beside its program",
                lambda: os.symlink("/etc/passwd", f"{os.path.dirname(self.program)}/x") is None,
            )

    def bait(self) -> str:
        path = f"/tmp/bait-{os.getpid()}"
        with open(path, "w") as file:
            file.write("x")
        return path

    # Processes

    def processes(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in self.pids:
            for name in ("environ", "maps", "auxv", "io", "stack", "syscall", "personality"):
                self.attempt(
                    f"/proc {name} {pid}",
                    lambda pid=pid, name=name: _read(f"/proc/{pid}/{name}", 1 << 16) != b"",
                )
            self.attempt(f"/proc mem {pid}", lambda pid=pid: _may_open(f"/proc/{pid}/mem", os.O_RDONLY))
            self.attempt(f"/proc fd {pid}", lambda pid=pid: len(os.listdir(f"/proc/{pid}/fd")) > 0)
            for name in ("cwd", "root", "exe"):
                self.attempt(f"/proc {name} {pid}", lambda pid=pid, name=name: bool(os.readlink(f"/proc/{pid}/{name}")))
            self.attempt(f"/proc cmdline {pid}", lambda pid=pid: _read(f"/proc/{pid}/cmdline", 1 << 20))
            self.attempt(f"oom {pid}", lambda pid=pid: _may_open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY))
            for number in (0, signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
                self.attempt(f"signal {number} {pid}", lambda pid=pid, number=number: os.kill(pid, number) is None)
            for request in (PTRACE_ATTACH, PTRACE_SEIZE):
                self.attempt(
                    f"ptrace {request} {pid}", lambda pid=pid, request=request: libc.ptrace(request, pid, 0, 0) == 0
                )
            self.attempt(f"priority {pid}", lambda pid=pid: os.setpriority(os.PRIO_PROCESS, pid, 19) is None)
            self.attempt(f"limits {pid}", lambda pid=pid: __import__("resource").prlimit(pid, 7, (3, 3)) is not None)
            self.attempt(f"processors {pid}", lambda pid=pid: os.sched_setaffinity(pid, [0]) is None)
            self.attempt(f"a descriptor of {pid}", lambda pid=pid: libc.syscall(438, os.pidfd_open(pid), 0, 0) >= 0)

    # Privileges

    def privileges(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.attempt("setuid", lambda: os.setuid(0) is None)
        self.attempt("setgid", lambda: os.setgid(0) is None)
        self.attempt("setgroups", lambda: os.setgroups([0]) is None)
        self.attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, -5) is None)
        self.attempt("chroot", lambda: os.chroot("/") is None)
        self.attempt("mount", lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0)
        self.attempt("reboot", lambda: libc.reboot(0x89ABCDEF) == 0)  # Ctrl-Alt-Del as it is by default: harmless
        self.attempt("host name", lambda: libc.sethostname(b"x", 1) == 0)
        for path in ("/etc/shadow", "/dev/mem", "/dev/kmsg", "/dev/cpu/0/msr", "/proc/1/environ", "/proc/kcore"):
            self.attempt(f"open {path}", lambda path=path: _may_open(path, os.O_RDONLY))
        for path in ("/etc/passwd", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/systemd/system/x"):
            self.attempt(f"write {path}", lambda path=path: _may_open(path, os.O_WRONLY | os.O_CREAT))
        for command in (["su", "-c", "id -u"], ["sudo", "-n", "id", "-u"], ["pkexec", "id", "-u"]):
            self.attempt(
                " ".join(command),
                lambda command=command: (
                    subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=10).stdout.strip()
                    == b"0"
                ),
            )
        self.attempt("its own environment", lambda: json.dumps(dict(os.environ)))


def _read(path: str, most: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(most)


def _may_open(path: str, flags: int) -> bool:
    os.close(os.open(path, flags))
    return True


def main(known: str) -> None:
    with open(known) as file:
        intruder = Intruder(json.load(file))
    intruder.all()
    found = {"tried": intruder.tried, "got": intruder.got, "seen": intruder.seen, "uid": os.getuid()}
    with open(f"{known}.{os.getuid()}.new", "w") as out:
        json.dump(found, out)
    os.chmod(out.name, 0o644)
    os.replace(out.name, f"{known}.{os.getuid()}")


if __name__ == "__main__":
    main(sys.argv[1])
    time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else 0)
