"""A stream link whose transport is closing: who sends is told what closed it."""

import asyncio
import ssl

import pytest

from ami_ingest.errors import ConnectionClosed, TlsFailed
from ami_ingest.transport.stream import StreamLink

pytestmark = pytest.mark.unit


class Closing(asyncio.Transport):
    """A transport that has met an error, and tells its protocol in a later turn of the loop."""

    def is_closing(self):
        return True

    def close(self):
        pass


def alert():
    error = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] alert")
    error.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    return error


@pytest.mark.parametrize(("error", "raised"), [(alert(), TlsFailed), (None, ConnectionClosed)])
async def test_who_sends_waits_for_the_reason(error, raised):
    link = StreamLink()
    link.connection_made(Closing())
    asyncio.get_running_loop().call_soon(link.connection_lost, error)

    with pytest.raises(raised):
        await link.send(b"x", 5)


async def test_a_reason_that_never_comes_is_not_waited_for():
    link = StreamLink()
    link.connection_made(Closing())

    with pytest.raises(ConnectionClosed):
        await link.send(b"x", 0.01)
