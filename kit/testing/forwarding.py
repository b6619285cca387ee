"""A way to a real server that a test can open late, or cut at the moment it chooses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

type Cut = Callable[[bytes], bool]
"""Whether the connection is lost after the server has dealt with this request, before its answer arrives."""


def _never(_request: bytes) -> bool:
    return False


@contextlib.asynccontextmanager
async def forwarding(port: int, to: str, *, cut: Cut = _never) -> AsyncIterator[None]:
    """Forward what comes on `port` to the server of the address `to`, until the block ends."""
    there = urlsplit(to)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(there.hostname, there.port)
        lost = asyncio.Event()

        async def requests() -> None:
            while data := await reader.read(65536):
                if cut(data):
                    lost.set()
                there_writer.write(data)
                await there_writer.drain()

        async def answers() -> None:
            while (data := await there_reader.read(65536)) and not lost.is_set():
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.create_task(requests()), asyncio.create_task(answers())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        there_writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        server.close_clients()
