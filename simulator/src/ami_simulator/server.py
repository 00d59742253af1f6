"""Virtual meters on TCP: each connection gets a server of its own, all share the meter."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from ami_dlms.server import Server, ServerSettings
from ami_simulator.meter import VirtualMeter

READ_SIZE = 65_536


class MeterServer:
    """Serves one meter on one address; use it as an asynchronous context manager, or `start` and `stop` it."""

    def __init__(self, meter: VirtualMeter, settings: ServerSettings, host: str = "127.0.0.1", port: int = 0) -> None:
        """`port` 0 takes a free one; `address` then tells which."""
        self.meter, self.settings = meter, settings
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        if self._server is None:
            return self._host, self._port
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def start(self) -> None:
        """Listen; raises OSError if the address is taken."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port)

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._server is None:
            return
        self._server.close()
        open_connections = dict(self._connections)
        for writer in open_connections.values():
            writer.close()
        if open_connections:
            await asyncio.wait(open_connections)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server(self.settings, self.meter.device)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # asyncio runs each connection in a task
        self._connections[task] = writer
        try:
            while data := await reader.read(READ_SIZE):
                writer.write(server.receive(data))
                await writer.drain()
        except ConnectionError:
            pass  # the client is gone; meters do not mind
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            del self._connections[task]

    async def __aenter__(self) -> MeterServer:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()
