"""Firmwares that send everybody to HTTPS are read there, and no login is ever sent to them in plain text."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator

import pytest

from rigfarm.common.exposures import FACTORY_PASSWORD
from rigfarm.sentry.asic.checks import exposures
from rigfarm.sentry.asic.interpret import interpret
from rigfarm.sentry.asic.lan_http import LanHttpError, ask
from rigfarm.sentry.asic.model import Device, Login
from rigfarm.sentry.asic.readers.base import ReadingError, Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.simulate.asic import FakeAsic, makes
from rigfarm.simulate.asic.http import HttpAnswer, next_request
from rigfarm.wire.commands import Locate
from support.asic_trial import LOW_PORTS

pytestmark = pytest.mark.skipif(not LOW_PORTS, reason="listens on ports 80 and 443")

LOGIN = Login("admin", "a secret")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    where = ["-subj", "/CN=miner", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *new, *where], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class Iceriver:
    """One on `ip`: its pages on 443, and what was sent to port 80, which sends to HTTPS: everything, or its pages."""

    def __init__(self, ip: str, tls: ssl.SSLContext) -> None:
        self.ip = ip
        self.asic = FakeAsic("iceriver", steady=True)
        self.asic.password = LOGIN.password
        self.in_plain_text = bytearray()
        self.listens_on_80 = True
        self.always = True
        self.status = 301
        self._make = makes()["iceriver"]
        self._tls = tls

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Iceriver]:
        secure = await asyncio.start_server(self._secure, self.ip, 443, ssl=self._tls)
        plain = await asyncio.start_server(self._plain, self.ip, 80) if self.listens_on_80 else None
        try:
            yield self
        finally:
            for server in filter(None, (secure, plain)):
                server.close()

    async def _secure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._answer(reader, writer, plain=False)

    async def _plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._answer(reader, writer, plain=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, plain: bool) -> None:
        received = bytearray()
        try:
            while (request := next_request(received)) is None:
                data = await reader.read(65536)
                if not data:
                    return
                received += data
                if plain:
                    self.in_plain_text += data
            moved = HttpAnswer(self.status, headers={"Location": f"https://{self.ip}{request.path}"})
            redirect = plain and (self.always or request.method == "GET")
            answer = moved if redirect else self._make.http(self.asic, request)
            writer.write(answer.encode(keep_alive=False))
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def told_nothing(device: Iceriver) -> None:
    """No login, and no cookie that stands for one, came in plain text."""
    sent = device.in_plain_text.decode("latin-1").lower()
    assert "pwd" not in sent
    assert LOGIN.password not in sent.replace("+", " ")
    assert "cookie" not in sent
    assert "authorization" not in sent


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("always", [True, False])
async def test_it_is_read_by_https_and_logged_in_to_there(tls: ssl.SSLContext, status: int, *, always: bool) -> None:
    device = Iceriver("127.0.0.71", tls)
    device.status, device.always = status, always
    async with device.running():
        reader = await Recogniser().recognise(device.ip, LOGIN)
        reading = interpret(await reader.read(Scope.WHOLE), reader.nature, Device(id=1, ip=device.ip))
        await reader.obey(Locate(on=True))
    assert reading.workload.hashrate == pytest.approx(3 * 4021.37e9)
    assert (reading.workload.coin, reader.nature.model) == ("KAS", "KS5L")
    assert device.asic.traffic.logins == {(LOGIN.username, LOGIN.password)}
    assert device.in_plain_text
    told_nothing(device)


async def test_port_80_may_be_closed(tls: ssl.SSLContext) -> None:
    device = Iceriver("127.0.0.72", tls)
    device.listens_on_80 = False
    async with device.running():
        reader = await Recogniser().recognise(device.ip, LOGIN, "iceriver")
        assert (await reader.read(Scope.PULSE)).hashrate == pytest.approx(3 * 4021.37e9)
    told_nothing(device)


async def test_a_firmware_that_goes_over_to_https_while_it_is_read(tls: ssl.SSLContext) -> None:
    """From then on its login is not sent in plain text, and no cookie either."""
    device = Iceriver("127.0.0.73", tls)
    device.always = False
    device.asic.password = None
    async with device.running():
        reader = await Recogniser().recognise(device.ip, None, "iceriver")
        device.in_plain_text.clear()
        device.always = True
        device.asic.password = LOGIN.password
        reader._login = LOGIN  # type: ignore[attr-defined]
        assert (await reader.read(Scope.PULSE)).hashrate == pytest.approx(3 * 4021.37e9)
        told_nothing(device)


async def test_a_wrong_login_is_said_and_goes_nowhere_else(tls: ssl.SSLContext) -> None:
    device = Iceriver("127.0.0.74", tls)
    async with device.running():
        with pytest.raises(ReadingError) as refused:
            await Recogniser().recognise_stranger(device.ip, Login("admin", "wrong"))
    assert refused.value.state == "wrong-credentials"
    told_nothing(device)


async def test_not_even_its_factory_password_is_tried_in_plain_text(tls: ssl.SSLContext) -> None:
    device = Iceriver("127.0.0.75", tls)
    async with device.running():
        assert await exposures(device.ip, "IceRiver Stock") == []
        device.asic.password = None
        assert await exposures(device.ip, "IceRiver Stock") == [FACTORY_PASSWORD]
    told_nothing(device)


async def test_a_server_that_speaks_no_tls_is_an_error_not_a_crash(tls: ssl.SSLContext) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.76", 443)
    async with server:
        with pytest.raises(LanHttpError):
            await ask("GET", "https://127.0.0.76/")
