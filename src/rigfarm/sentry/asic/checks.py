"""What anyone on the LAN could do to a device: asked now and then, said in the log's messages.

Farms have lost their hashrate to both: cgminer's write access granted to the whole network by default, and factory
passwords.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from rigfarm.common.exposures import FACTORY_PASSWORD, WRITE_OPEN
from rigfarm.sentry.asic.diagnose import look
from rigfarm.sentry.asic.lan_http import LanHttpError, ask
from rigfarm.sentry.asic.readers import cgminer
from rigfarm.sentry.asic.readers.iceriver import FACTORY_LOGIN

__all__ = ["exposures"]

_TIMEOUT_S = 4.0
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
    said = await cgminer.ask(ip, "privileged", _TIMEOUT_S)
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = msgspec.json.decode(said, type=_Answer)
        return bool(answer.status) and answer.status[0].status == "S"
    return False


async def _factory_password(ip: str, firmware: str) -> bool:
    if firmware not in (*_DIGEST_FIRMWARES, "Braiins", "IceRiver Stock"):
        return False
    base = (await look(ip)).url  # by HTTPS where the device wants that: then this may be an operator's real login
    with suppress(LanHttpError):
        if firmware in _DIGEST_FIRMWARES:
            url = f"{base}/cgi-bin/get_system_info.cgi"
            return (await ask("GET", url, digest=("root", "root"), timeout_s=_TIMEOUT_S)).status == 200
        if firmware == "Braiins":
            said = {"username": "root", "password": "root"}
            return (await ask("POST", f"{base}/api/v1/auth/login", json=said, timeout_s=_TIMEOUT_S)).status == 200
        form = {"post": "6", "user": FACTORY_LOGIN.username, "pwd": FACTORY_LOGIN.password}
        answer = await ask("POST", f"{base}/user/loginpost", form=form, timeout_s=_TIMEOUT_S)
        return answer.status == 200 and b'"error":0' in answer.body.replace(b" ", b"")
    return False
