"""A real Commander in a process of its own on a free port, for the demo, tests and benchmarks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from rigfarm.simulate.started import Running, StartedProcess

__all__ = ["CommanderProcess", "free_port"]

START_WITHIN_S = 180.0
AT_ONCE = 2_000
PASSWORD = "correct horse battery staple"  # noqa: S105 - of simulated farms only


PORTS = range(10_000, 20_000)
"""Below the range from which systems assign ports: a server that restarts finds its own still free."""


def free_port() -> int:
    """A TCP port of the loopback address that was free a moment ago."""
    for _ in range(1_000):
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")


class CommanderProcess(StartedProcess):
    """`with CommanderProcess(folder) as commander:`; it can be killed and started again on the same port and data."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        password: str = PASSWORD,
        settings: dict[str, str] | None = None,
        mutation: str = "",
        tls: bool = False,
        fresh: bool = False,
    ) -> None:
        """It speaks plain http on the loopback address; with `tls`, https with a certificate of its own.

        `mutation` is Python that is run before it starts: how the control of a fault test breaks it.
        `fresh`: by a Python of its own, even in tests."""
        self.folder = folder
        self.port = port or free_port()
        self.password = password
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.tls = tls
        self.log = folder / "commander.log"
        self._settings = settings or {}
        self._mutation = mutation
        self._fresh = fresh or bool(mutation)
        self._key: str | None = None

    def __enter__(self) -> CommanderProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The environment it is started with."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("RIGFARM_")}
        return {
            **clean,
            "RIGFARM_DATA_DIR": str(self.folder),
            "RIGFARM_HOST": "127.0.0.1",
            "RIGFARM_TLS": "on" if self.tls else "off",
            "RIGFARM_PORT": str(self.port),
            "RIGFARM_PASSWORD": self.password,
            "PYTHONUNBUFFERED": "1",
            **{f"RIGFARM_{key.upper()}": value for key, value in self._settings.items()},
        }

    @property
    def _program(self) -> list[str]:
        """Python's arguments for the command line."""
        if not self._mutation:
            return ["-m", "rigfarm.cli"]
        return ["-c", f"{self._mutation}\nfrom rigfarm.cli import main\nmain()"]

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """Start it and wait until it is ready; returns after how many s it was."""
        self.folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        warm = None if self._fresh else self.launch(["commander"], self.environment, self.log)
        self._process = warm or self._launch_fresh()
        while time.monotonic() - started < START_WITHIN_S:
            if self._process.poll() is not None:
                break
            if self.ready():
                return time.monotonic() - started
            time.sleep(0.02)
        ended, waited_s = self._process.poll(), time.monotonic() - started
        self.kill()
        what = f"did not answer within {waited_s:.0f} s" if ended is None else f"ended at once, with status {ended}"
        raise RuntimeError(f"the Commander {what}:\n{self.log.read_text()[-4000:]}")

    @staticmethod
    def launch(arguments: list[str], environment: dict[str, str], log: Path) -> Running | None:
        """How else it is started, as tests have it; None: by a Python of its own."""
        del arguments, environment, log
        return None

    def _launch_fresh(self) -> Running:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *self._program, "commander"],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def ready(self) -> bool:
        """Whether it can take logs now."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1, context=self.context):  # noqa: S310 - our own loopback
                return True
        except (urllib.error.URLError, OSError):
            return False

    @property
    def context(self) -> ssl.SSLContext | None:
        """For clients that recognise it; None without TLS."""
        path = self.folder / "tls" / "certificate.pem"
        return ssl.create_default_context(cafile=path) if self.tls and path.exists() else None

    @property
    def fingerprint(self) -> str:
        """Of its certificate, as `rigfarm sentry join` takes it."""
        pem = (self.folder / "tls" / "certificate.pem").read_text()
        return f"SHA256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()}"

    # The API, as a script of an operator's would use it

    @property
    def key(self) -> str:
        """An API key, made on first use the way the command line does: by asking the process that runs."""
        if self._key is None:
            from rigfarm.commander.auth.control import CreateKey, ask  # not what every user of this module needs

            secret = ask(self.folder, CreateKey("simulate", ("read", "operate", "configure", "access"), None)).secret
            if secret is None:
                raise RuntimeError("the Commander made no API key")
            self._key = secret
        return self._key

    def api(self, method: str, path: str, body: object = None) -> object:
        """Call the JSON API; bytes are sent as they are. Raises urllib.error.HTTPError for a refusal."""
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(  # noqa: S310 - our own loopback
            f"{self.url}{path}",
            method=method,
            data=body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": kind},
        )
        with urllib.request.urlopen(request, timeout=60, context=self.context) as answer:  # noqa: S310 - our own loopback
            text = answer.read()
        return json.loads(text) if text else None

    def add_rigs(self, names: list[str], kind: str = "cpu-gpu") -> list[tuple[int, str]]:
        """Create rigs; (id, token) of each."""
        made: list[tuple[int, str]] = []
        for start in range(0, len(names), AT_ONCE):
            answer = self.api("POST", "/api/rigs/many", {"names": names[start : start + AT_ONCE], "kind": kind})
            assert isinstance(answer, list)
            made += [(rig["id"], rig["token"]) for rig in answer]
        return made
