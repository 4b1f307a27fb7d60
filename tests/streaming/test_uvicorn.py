"""What is known of uvicorn, against its own event loops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import uvloop

from rxsse.streaming import uvicorn

Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_connection_that_is_gone_is_not_bounded(loop: Loop) -> None:
    """Its client had gone before the stream began; the disconnect is still on its way."""

    async def meet() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            here = asyncio.get_running_loop()
            transport, _ = await here.create_connection(asyncio.Protocol, *listening.getsockname())
            transport.get_extra_info("socket")  # as uvicorn does at once
            transport.abort()
            for _ in range(3):  # it closes in the next turn
                await asyncio.sleep(0)
            uvicorn.bound(SimpleNamespace(transport=transport), 20_000, 1.0)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(meet())
