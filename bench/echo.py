"""The ceiling of ingest: the same server and framework, the same frames decoded, nothing done with them."""

from __future__ import annotations

import sys
import time

import uvicorn
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from rigfarm.wire.codec import decode_log, decode_up, encode
from rigfarm.wire.frames import Acks, Hello, Logs, Verdict, Welcome


@websocket("/link")
async def echo(socket: WebSocket) -> None:
    """Welcome everybody, decode every log, acknowledge at once."""
    await socket.accept()
    try:
        while True:
            frame = decode_up(await socket.receive_data(mode="binary"))
            if isinstance(frame, Hello):
                verdicts = [Verdict("ok", 1, "echo") for _ in frame.tokens]
                await socket.send_data(encode(Welcome(time.time_ns() // 10**6, 5.0, verdicts, "")), mode="binary")
            elif isinstance(frame, Logs):
                for raw in frame.logs:
                    decode_log(raw)
                last = frame.first + len(frame.logs) - 1
                await socket.send_data(encode(Acks([(frame.first, last)])), mode="binary")
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    uvicorn.run(
        Litestar([echo], openapi_config=None, logging_config=None),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        ws="websockets-sansio",
        http="httptools",
        loop="uvloop",
        log_level="error",
        ws_per_message_deflate=False,
    )
