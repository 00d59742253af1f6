"""Associations in every authentication, framing and protection, however the octets arrive."""

from __future__ import annotations

import itertools

import pytest

from ami_dlms import axdr
from ami_dlms.apdu import Conformance, CosemAttribute
from ami_dlms.client import Answer, Authentication, ClientState, Failed, Refused, Released
from ami_dlms.errors import LinkError, UsageError
from ami_dlms.framing import Framing
from ami_dlms.obis import parse_obis
from ami_dlms.security import Protection

pytestmark = pytest.mark.unit

ENERGY = CosemAttribute(3, parse_obis("1.0.1.8.0.255"), 2)
AUTHENTICATIONS = (Authentication.NONE, Authentication.LLS, Authentication.HLS_GMAC)
FRAMINGS = (Framing.WRAPPER, Framing.HDLC)


@pytest.mark.parametrize("chunk", [1 << 20, 1, 7])
@pytest.mark.parametrize(("authentication", "framing"), list(itertools.product(AUTHENTICATIONS, FRAMINGS)))
def test_associate_read_release(converse, authentication, framing, chunk) -> None:
    talk = converse(authentication, framing, chunk=chunk)

    assert talk.server.associated == 0
    associated = talk.associate()
    assert talk.server.associated == 1
    (answer,) = talk.say(talk.client.get(ENERGY))
    (released,) = talk.say(talk.client.release())

    assert talk.server.associated == 0
    assert associated.conformance & Conformance.GET
    assert associated.max_pdu == 1024
    assert answer.result == axdr.uint32(4711)
    assert isinstance(released, Released)
    assert talk.client.state is ClientState.IDLE


@pytest.mark.parametrize("framing", FRAMINGS)
def test_associates_again_after_a_release(converse, framing) -> None:
    talk = converse(Authentication.HLS_GMAC, framing)
    for _ in range(3):
        talk.associate()
        talk.say(talk.client.release())

    talk.associate()


@pytest.mark.parametrize("protection", [item for item in Protection if item is not Protection.NONE])
@pytest.mark.parametrize("authentication", AUTHENTICATIONS)
def test_every_protection(converse, authentication, protection) -> None:
    talk = converse(authentication, client={"ciphered": True, "protection": protection})

    talk.associate()
    (answer,) = talk.say(talk.client.get(ENERGY))

    assert answer.result == axdr.uint32(4711)
    assert answer.request == bytes.fromhex("c001") + answer.request[2:3] + ENERGY.to_bytes() + b"\0"
    octets = axdr.encode(axdr.uint32(4711))
    assert (octets in answer.raw) is not protection.encrypted


def test_hls_gmac_without_ciphering(converse) -> None:
    talk = converse(Authentication.HLS_GMAC, client={"ciphered": False})

    associated = talk.associate()
    (answer,) = talk.say(talk.client.get(ENERGY))

    assert associated.server_system_title == b"AMV\0\0\0\0\2"
    assert answer.result == axdr.uint32(4711)
    assert axdr.encode(axdr.uint32(4711)) in answer.raw


def test_suite_2_with_long_keys(converse, replaced) -> None:
    keys = replaced(encryption=bytes(32), authentication=bytes(range(32)))
    talk = converse(Authentication.HLS_GMAC, client={"keys": keys, "suite": 2}, server={"keys": keys, "suite": 2})

    talk.associate()
    (answer,) = talk.say(talk.client.get(ENERGY))

    assert answer.result == axdr.uint32(4711)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_public_client_reads_the_counter_of_a_secured_meter(converse, framing) -> None:
    public = {"authentication": Authentication.NONE, "client_sap": 16}
    talk = converse(Authentication.HLS_GMAC, framing, client=public)
    talk.device.counters.received = 77

    talk.associate()
    (counter,) = talk.say(talk.client.get(CosemAttribute(1, parse_obis("0.0.43.1.0.255"), 2)))
    (hidden,) = talk.say(talk.client.get(ENERGY))

    assert counter.result == axdr.uint32(77)
    assert hidden.result.name == "OBJECT_UNDEFINED"


def test_the_invocation_counter_is_the_highest_one_used(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    talk.associate()
    (answer,) = talk.say(talk.client.get(CosemAttribute(1, parse_obis("0.0.43.1.0.255"), 2)))

    # AARQ 100, proof 101, the action that carries it 102, this get 103.
    assert answer.result == axdr.uint32(103)


def test_two_clients_on_one_connection_have_an_association_each(converse) -> None:
    talk = converse(Authentication.LLS)
    other = converse(Authentication.LLS, client={"client_sap": 2})
    other.server = talk.server

    talk.associate()
    other.associate()
    other.say(other.client.release())
    (answer,) = talk.say(talk.client.get(ENERGY))

    assert answer.result == axdr.uint32(4711)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_lost_connection_says_what_became_of_the_association(converse, framing) -> None:
    talk = converse(framing=framing)
    talk.client.associate()
    (refused,) = talk.client.connection_lost()
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, LinkError)

    talk = converse(framing=framing)
    talk.associate()
    talk.client.get(ENERGY)
    (failed,) = talk.client.connection_lost()
    assert isinstance(failed, Failed)

    talk = converse(framing=framing)
    talk.associate()
    talk.client.release()
    assert talk.client.connection_lost() == [Released()]


def test_one_request_at_a_time(converse) -> None:
    talk = converse()
    talk.associate()
    first = talk.client.get(ENERGY)

    with pytest.raises(UsageError, match="while waiting"):
        talk.client.get(ENERGY)

    (answer,) = talk.say(first)
    assert isinstance(answer, Answer)


def test_a_request_needs_an_association(converse) -> None:
    with pytest.raises(UsageError, match="while idle"):
        converse().client.get(ENERGY)


def test_secrets_are_not_shown(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    shown = repr(talk.client._settings) + repr(talk.server._settings)

    assert "12345678" not in shown
    assert repr(bytes(range(16))) not in shown
