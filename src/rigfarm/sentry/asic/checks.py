"""What anybody on the LAN could do to a device: asked now and then, said in the log's messages.

Farms have lost their hashrate to both: cgminer's write access granted to the whole network by default, and factory
passwords.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from rigfarm.sentry.asic.lan_http import LanHttpError, ask
from rigfarm.sentry.asic.readers.iceriver import FACTORY_LOGIN

__all__ = ["FACTORY_PASSWORD", "WRITE_OPEN", "exposures"]

WRITE_OPEN = "Anybody on this network can give it orders: cgminer's write access is open (set api-allow to read only)."
FACTORY_PASSWORD = "It still has its factory password: anybody on this network can change its wallet."  # noqa: S105
_PORT = 4028
_TIMEOUT_S = 4.0
_MAX_BYTES = 16 << 10
_NO_CGMINER = ("Bitaxe Stock", "Braiins", "IceRiver Stock", "Nerdaxe Stock", "Proto Stock", "UMC OS")
_DIGEST_FIRMWARES = ("AntMiner Stock", "Elphapex Stock", "Hammer Stock")


class _Status(msgspec.Struct, rename={"status": "STATUS"}):
    status: str = ""


class _Answer(msgspec.Struct, rename={"status": "STATUS"}):
    status: list[_Status] = []


async def exposures(ip: str, firmware: str | None) -> list[str]:
    """The sentences that apply to this device; what cannot be found out is not said."""
    found = [WRITE_OPEN] if firmware not in _NO_CGMINER and await _write_open(ip) else []
    return [*found, FACTORY_PASSWORD] if await _factory_password(ip, firmware or "") else found


async def _write_open(ip: str) -> bool:
    """cgminer's own question of rank, `privileged`, changes nothing and is answered S only to who may write."""
    with suppress(
        OSError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, asyncio.LimitOverrunError
    ):
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(ip, _PORT, limit=_MAX_BYTES)
            try:
                writer.write(b'{"command":"privileged"}')
                said = await reader.read(_MAX_BYTES)
            finally:
                writer.close()
        answer = msgspec.json.decode(said.rstrip(b"\0\r\n "), type=_Answer)
        return bool(answer.status) and answer.status[0].status == "S"
    return False


async def _factory_password(ip: str, firmware: str) -> bool:
    with suppress(LanHttpError):
        if firmware in _DIGEST_FIRMWARES:
            url = f"http://{ip}/cgi-bin/get_system_info.cgi"
            return (await ask("GET", url, digest=("root", "root"), timeout_s=_TIMEOUT_S)).status == 200
        if firmware == "Braiins":
            said = {"username": "root", "password": "root"}
            return (await ask("POST", f"http://{ip}/api/v1/auth/login", json=said, timeout_s=_TIMEOUT_S)).status == 200
        if firmware == "IceRiver Stock":
            form = {"post": "6", "user": FACTORY_LOGIN.username, "pwd": FACTORY_LOGIN.password}
            answer = await ask("POST", f"http://{ip}/user/loginpost", form=form, timeout_s=_TIMEOUT_S)
            return answer.status == 200 and b'"error":0' in answer.body.replace(b" ", b"")
    return False
