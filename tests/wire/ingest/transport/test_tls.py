"""TLS 1.3 to meters: read, and every certificate that does not fit is said in its own words."""

import asyncio
import contextlib
import ssl
from datetime import timedelta

import pytest
from support.certificates import Authority
from support.tls_meter import served_over_tls

from ami_dlms.framing import Framing
from ami_dlms.server import Server, ServerSettings
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile, Tls
from ami_ingest.config.target import Target
from ami_ingest.errors import SessionError, TlsFailed
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.read import read_meter
from ami_ingest.transport import open_link
from ami_ingest.transport.tls import server_context
from ami_simulator.meter import SERIAL, VirtualMeter

pytestmark = pytest.mark.wire


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
async def tls_meter():
    """Start a meter that speaks TLS; give its port."""
    servers = []

    async def start(context, framing=Framing.WRAPPER):
        async def serve(reader, writer):
            server = Server(ServerSettings(framing=framing), VirtualMeter(21).device)
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(server.receive(data))
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize(("scheme", "framing"), [("tls", Framing.WRAPPER), ("hdlc+tls", Framing.HDLC)])
async def test_a_meter_is_read_and_both_sides_prove_who_they_are(authority, tls_meter, tmp_path, log, scheme, framing):
    context = server_context(authority.issue("meter", hosts=["127.0.0.1"], trust=authority.trust))
    port = await tls_meter(context, framing)
    access = MeterAccess(
        Endpoint.parse(f"{scheme}://127.0.0.1:{port}"),
        link=LinkProfile(connect_timeout_s=5, request_timeout_s=5),
        tls=authority.issue("agent", trust=authority.trust),
    )

    (reading,) = await read_meter(access, [Target(1, SERIAL, 2)], state_dir=tmp_path, log=log.logger())

    assert b"00000021" in reading.records[0].value


async def test_much_at_once_comes_whole(authority):
    octets = bytes(range(256)) * 4096

    async def serve(reader, writer):
        writer.write(await reader.readexactly(len(octets)))
        writer.close()

    context = server_context(authority.issue("meter", hosts=["127.0.0.1"]))
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=2 * len(octets)) as server:
        endpoint = Endpoint.parse(f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        link = await open_link(endpoint, connect_timeout_s=5, tls=Tls(trust=authority.trust))
        await link.send(octets, 10)
        came = b""
        while len(came) < len(octets):
            came += await link.receive(10)
        await link.close()
    assert came == octets


async def test_a_name_may_be_told_where_the_address_is_none(authority, tls_meter):
    port = await tls_meter(server_context(authority.issue("meter", hosts=["meter-21.example"])))
    endpoint = Endpoint.parse(f"tls://127.0.0.1:{port}")

    with pytest.raises(TlsFailed, match=r"^TLS Host Name Mismatch \(.+\)$"):
        await open_link(endpoint, connect_timeout_s=5, tls=Tls(trust=authority.trust))
    named = Tls(trust=authority.trust, server_name="meter-21.example")
    await (await open_link(endpoint, connect_timeout_s=5, tls=named)).close()


async def test_an_authority_that_we_do_not_know_is_refused(authority, tls_meter, tmp_path):
    other = Authority(tmp_path, "Other CA")
    port = await tls_meter(server_context(other.issue("meter", hosts=["127.0.0.1"])))

    with pytest.raises(TlsFailed, match=r"^TLS Certificate Not Trusted \(.+\)$") as raised:
        await open_link(Endpoint.parse(f"tls://127.0.0.1:{port}"), connect_timeout_s=5, tls=Tls(trust=authority.trust))
    assert "trust" in raised.value.remedy


async def test_a_certificate_that_has_ended_is_refused(authority, tls_meter):
    port = await tls_meter(server_context(authority.issue("meter", hosts=["127.0.0.1"], valid=-timedelta(days=1))))

    with pytest.raises(TlsFailed, match=r"^TLS Certificate Expired \(certificate has expired\)$"):
        await open_link(Endpoint.parse(f"tls://127.0.0.1:{port}"), connect_timeout_s=5, tls=Tls(trust=authority.trust))


@pytest.mark.parametrize(
    ("issuer", "said"),
    [(None, r"^TLS Client Certificate Demanded"), ("Other CA", r"^TLS Our Certificate Not Trusted")],
)
async def test_a_meter_that_refuses_our_certificate_is_understood(authority, tmp_path, issuer, said):
    context = server_context(authority.issue("meter", hosts=["127.0.0.1"], trust=authority.trust))
    ours = Tls(trust=authority.trust)
    if issuer is not None:
        ours = Authority(tmp_path, issuer).issue("agent", trust=authority.trust)

    # TLS 1.3 refuses a client after its handshake: the next wait tells.
    with served_over_tls(context) as port, pytest.raises(TlsFailed, match=said):
        link = await open_link(Endpoint.parse(f"tls://127.0.0.1:{port}"), connect_timeout_s=5, tls=ours)
        try:
            await link.receive(5)
        finally:
            await link.close()


async def test_nothing_older_is_spoken(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls = authority.issue("meter", hosts=["127.0.0.1"])
    context.load_cert_chain(tls.certificate, tls.private_key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with served_over_tls(context) as port, pytest.raises(TlsFailed, match=r"^TLS Version Refused"):
        await open_link(Endpoint.parse(f"tls://127.0.0.1:{port}"), connect_timeout_s=5, tls=Tls(trust=authority.trust))


async def test_a_handshake_that_is_cut_off_is_said(authority, tls_meter):
    context = server_context(authority.issue("meter", hosts=["127.0.0.1"]))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    port = await tls_meter(context)

    with pytest.raises(TlsFailed, match=r"^TLS Handshake Failed \(the other side hung up\)$"):
        await open_link(Endpoint.parse(f"tls://127.0.0.1:{port}"), connect_timeout_s=5, tls=Tls(trust=authority.trust))


async def test_a_port_that_says_nothing_is_connected_and_without_tls(authority):
    gone = asyncio.Event()

    async def say_nothing(reader, writer):
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        endpoint = Endpoint.parse(f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(TlsFailed, match=r"^TLS Handshake Failed \(no answer within 0.2 s\)$") as raised:
            await open_link(endpoint, connect_timeout_s=0.2, tls=Tls(trust=authority.trust))
        assert "or use tcp://" in raised.value.remedy
        await gone.wait()


async def test_a_port_without_tls_is_said(authority):
    async def serve(reader, writer):
        await reader.read(100)
        writer.write(bytes.fromhex("000100010010000b6109a109060760857405080101") * 10)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        endpoint = Endpoint.parse(f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(SessionError, match=r"^TLS Not Spoken There"):
            await open_link(endpoint, connect_timeout_s=5, tls=Tls(trust=authority.trust))
