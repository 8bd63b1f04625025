"""Real balancers before replicas, with the configuration that operators are given (integrations/replicas)."""

from __future__ import annotations

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigfarm.simulate.commander import free_port
from support.until import until_now

__all__ = ["BALANCERS", "balancer"]

EXAMPLES = Path(__file__).parents[2] / "integrations" / "replicas"
BALANCERS = ("haproxy", "nginx")


@contextmanager
def balancer(kind: str, folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Runs while the block does, before replicas at these ports of this machine; yields its URL. It speaks plain http:
    that, and the addresses, are all that differs from the example."""
    program = shutil.which(kind) or shutil.which(kind, path="/usr/sbin")
    if program is None:
        pytest.skip(f"{kind} is not installed (apt-get install {kind})")
    port = free_port()
    config = folder / f"{kind}.conf"
    if kind == "haproxy":
        text = _replaced("haproxy.cfg", {"bind :443 ssl crt /etc/haproxy/farm.pem": f"bind 127.0.0.1:{port}"}, ports)
        line = [program, "-W", "-db", "-f", str(config)]
    else:
        tls = "    ssl_certificate     /etc/nginx/farm.pem;\n    ssl_certificate_key /etc/nginx/farm.key;\n"
        inner = _replaced("nginx.conf", {"listen 443 ssl;": f"listen 127.0.0.1:{port};", tls: ""}, ports)
        paths = "".join(
            f"{one}_temp_path {folder}/{one};\n" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = (
            f"daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/nginx.log; events {{}}\n"
            f"http {{ access_log off; {paths}{inner} }}\n"
        )
        line = [program, "-c", str(config), "-p", str(folder)]
    config.write_text(text)
    log = folder / f"{kind}.out"
    with log.open("ab") as output:
        process = subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        until_now(lambda: _listens(url), log.read_text)
        yield url
    finally:
        process.terminate()
        process.wait()


def _replaced(example: str, others: dict[str, str], ports: Sequence[int]) -> str:
    text = (EXAMPLES / example).read_text()
    others |= {f"192.0.2.{11 + n}:7070": f"127.0.0.1:{port}" for n, port in enumerate(ports)}
    for old, new in others.items():
        assert text.count(old) == 1, f"the example {example} has no {old!r}"
        text = text.replace(old, new)
    return text


def _listens(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
