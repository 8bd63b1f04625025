"""An operator who starts a Commander without a word gets https; its certificate and key are its own and stay."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from rigfarm.commander.identity import Identity, IdentityError
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.settings import Settings, SettingsError, load_settings
from rigfarm.simulate.commander import CommanderProcess, free_port
from support.load import connect


def raw(port: int, sent: bytes) -> bytes:
    """What is answered to bytes without TLS."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def new_rig(commander: CommanderProcess) -> str:
    """The page that shows a new rig's join line."""
    with httpx.Client(base_url=commander.url, verify=commander.context, headers={"Origin": commander.url}) as browser:
        assert browser.post("/login", data={"password": commander.password}).status_code == 303
        return browser.get("/rigs/1").text


async def test_a_commander_speaks_tls_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander", tls=True) as commander:
        [(rig, token)] = await asyncio.to_thread(commander.add_rigs, ["rig-01"])
        link = await connect(commander.url, [token], tls=commander.context)
        assert link.welcome.result().verdicts[0].rig == rig
        link.close()
        before = commander.fingerprint
        for path in ("identity/key.pem", "tls/key.pem", "tls/certificate.pem"):
            assert stat.S_IMODE((commander.folder / path).stat().st_mode) == 0o600
        for path in ("identity", "tls"):
            assert stat.S_IMODE((commander.folder / path).stat().st_mode) == 0o700
        key = (commander.folder / "identity/key.pem").read_bytes()
        commander.stop()
        commander.start()
        assert commander.fingerprint == before
        assert (commander.folder / "identity/key.pem").read_bytes() == key
        assert f"runs at https://127.0.0.1:{commander.port}\n" in commander.log.read_text()
        assert before in commander.log.read_text()
        assert f"join https://127.0.0.1:{commander.port} --fingerprint" in await asyncio.to_thread(new_rig, commander)
        said = subprocess.run(
            [sys.executable, "-m", "rigfarm.cli", "commander", "fingerprint"],
            env=commander.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        assert said.stdout.strip() == before


async def test_who_comes_with_http_is_shown_the_way(tmp_path: Path) -> None:
    """A person who types the address without https would see an empty page else."""
    with CommanderProcess(tmp_path / "commander", tls=True) as commander:
        host = f"farm.test:{commander.port}"
        answer = await asyncio.to_thread(
            raw, commander.port, f"GET /rigs?q=1 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 307 ")
        assert f"\r\nLocation: https://{host}/rigs?q=1\r\n".encode() in answer
        for nonsense in (
            b"POST /login HTTP/1.1\r\nHost: farm.test\r\nContent-Length: 9\r\n\r\npassword=",
            b"GET / HTTP/1.1\r\nX: " + b"x" * 9000,
            b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n",
            b"GET //evil HTTP/1.1\r\nHost: a/@evil.test\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
        ):
            answer = await asyncio.to_thread(raw, commander.port, nonsense)
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"Location" not in answer
        # Neither half a handshake nor one that is garbage harms anybody else.
        assert await asyncio.to_thread(raw, commander.port, b"\x16\x03\x01\x00\x05hello") is not None
        silent = socket.create_connection(("127.0.0.1", commander.port))
        assert commander.ready()
        silent.close()
        assert "Traceback" not in commander.log.read_text()


async def test_the_pages_cookies_are_for_https_only_and_nobody_is_locked_out(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander", tls=True) as commander:
        connection = http.client.HTTPSConnection("127.0.0.1", commander.port, context=commander.context)
        headers = {"Origin": commander.url, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login", f"password={commander.password.replace(' ', '+')}", headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        # With HSTS a browser offers no way past its warning of our own certificate.
        assert answer.headers["Strict-Transport-Security"] is None
        connection.close()


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"RIGFARM_TLS": "off"}, "opens this Commander to the network"),
        ({"RIGFARM_TLS": "off", "RIGFARM_HOST": "192.168.1.2"}, "opens this Commander to the network"),
        ({"RIGFARM_TLS": "off", "RIGFARM_HOST": "farm.example"}, "opens this Commander to the network"),
        ({"RIGFARM_TLS": "off", "RIGFARM_PUBLIC_URL": "https://farm.example"}, "trusted_proxies"),
        (
            {"RIGFARM_TLS": "off", "RIGFARM_PUBLIC_URL": "http://farm.example", "RIGFARM_TRUSTED_PROXIES": "10.0.0.1"},
            "opens this Commander to the network",
        ),
        ({"RIGFARM_TLS_CERTIFICATE": "/x.pem"}, "belong together"),
        ({"RIGFARM_TLS": "no"}, "tls"),
    ],
)
def test_plain_http_is_refused_where_others_could_listen(variables: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        load_settings(environ=variables)


@pytest.mark.parametrize(
    "variables",
    [
        {"RIGFARM_HOST": "127.0.0.1"},
        {"RIGFARM_HOST": "::1"},
        {"RIGFARM_HOST": "localhost"},
        {"RIGFARM_PUBLIC_URL": "https://farm.example", "RIGFARM_TRUSTED_PROXIES": "10.0.0.1"},
    ],
)
def test_plain_http_is_for_this_machine_and_tls_proxies(variables: dict[str, str]) -> None:
    assert load_settings(environ=variables | {"RIGFARM_TLS": "off"}).tls == "off"


def certificate(folder: Path, **more: object) -> Certificate:
    settings = Settings(data_dir=folder, **more)  # type: ignore[arg-type]  # checked by the test itself
    found = Certificate.open(settings)
    assert found is not None
    return found


def test_the_certificate_is_one_that_browsers_take(tmp_path: Path) -> None:
    """Apple's systems refuse one that is valid for more than 825 days, and offer no way past it."""
    certificate(tmp_path, public_url="https://farm.example:7070")
    found = x509.load_pem_x509_certificate((tmp_path / "tls/certificate.pem").read_bytes())
    assert found.not_valid_after_utc - found.not_valid_before_utc <= timedelta(days=825)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "farm.example", socket.gethostname()} <= set(names.get_values_for_type(x509.DNSName))
    assert "127.0.0.1" in map(str, names.get_values_for_type(x509.IPAddress))


def test_a_certificate_that_is_about_to_end_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = certificate(tmp_path)
    before = served.fingerprint
    served.look()
    assert served.fingerprint == before

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # always UTC here
            return datetime.now(UTC) + timedelta(days=790)

    monkeypatch.setattr("rigfarm.commander.identity.certificate.datetime", Later)
    served.look()
    assert served.fingerprint != before


def test_half_a_pair_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    certificate(tmp_path / "a")
    certificate(tmp_path / "b")
    (tmp_path / "b/tls/key.pem").replace(tmp_path / "a/tls/key.pem")
    certificate(tmp_path / "a")


def test_files_that_cannot_be_used_are_said_and_never_replaced(tmp_path: Path) -> None:
    certificate(tmp_path)
    Identity.open(tmp_path)
    own = tmp_path / "own.pem"
    own.write_text("no certificate")
    with pytest.raises(IdentityError, match="belong together"):
        certificate(tmp_path, tls_certificate=own, tls_key=own)
    with pytest.raises(IdentityError, match="belong together"):
        certificate(tmp_path, tls_certificate=tmp_path / "none.pem", tls_key=own)
    key = tmp_path / "identity/key.pem"
    key.write_text("damaged")
    with pytest.raises(IdentityError, match="from a backup"):
        Identity.open(tmp_path)
    assert key.read_text() == "damaged", "a new key would orphan every rig: that is the operator's to decide"


def test_the_command_says_what_is_wrong_at_once(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RIGFARM_")}
    done = subprocess.run(
        [sys.executable, "-m", "rigfarm.cli", "commander", "--port", str(free_port()), "--data-dir", str(tmp_path)],
        env={**clean, "RIGFARM_TLS": "off"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert re.search("tls is off, but host .0.0.0.0. opens", done.stderr)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_leaves_the_services_files_to_the_service(tmp_path: Path) -> None:
    """`sudo rigfarm commander rotate-identity` must not leave a key that the service's own user cannot read."""
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 4242, 4242)
    before = Identity.open(tmp_path).public
    assert Identity.rotate(tmp_path).public != before
    for path in (tmp_path / "identity", *(tmp_path / "identity").iterdir()):
        assert path.stat().st_uid == 4242


def test_the_command_shows_no_fingerprint_that_is_not_served(tmp_path: Path) -> None:
    """With another data folder than the service's it must not make up a certificate that no rig will ever see."""
    with pytest.raises(IdentityError, match="at its first start"):
        Certificate.open(Settings(data_dir=tmp_path), make=False)
    assert not list(tmp_path.iterdir())


def test_an_operators_own_certificate_is_served_and_noticed_when_renewed(tmp_path: Path) -> None:
    certificate(tmp_path / "first")
    certificate(tmp_path / "second")
    served = certificate(
        tmp_path, tls_certificate=tmp_path / "first/tls/certificate.pem", tls_key=tmp_path / "first/tls/key.pem"
    )
    before = served.fingerprint
    assert not served.own
    for name in ("key.pem", "certificate.pem"):
        (tmp_path / "second/tls" / name).replace(tmp_path / "first/tls" / name)
    served.look()
    assert served.fingerprint != before
    assert ssl.PEM_cert_to_DER_cert((tmp_path / "first/tls/certificate.pem").read_text())
