"""A log that can be looked into, and meters that do as told."""

import asyncio

import pytest
from support.log import Log

from ami_ingest.config.endpoint import Endpoint


@pytest.fixture
def log():
    return Log()


@pytest.fixture
async def behave():
    """Start something that is no meter, and does as told with each connection; return its endpoint."""
    servers = []

    async def behave(what, scheme="tcp"):
        async def serve(reader, writer):
            try:
                await what(reader, writer)
            except OSError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return Endpoint.parse(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    yield behave
    for server in servers:
        server.close()
