"""Who does not belong is refused, and told why."""

from __future__ import annotations

import pytest

from ami_dlms.apdu import (
    Aare,
    CosemAttribute,
    Diagnostic,
    ExceptionResponse,
    InitiateResponse,
    Rlre,
)
from ami_dlms.association.settings import CLIENT_CONFORMANCE
from ami_dlms.client import Associated, Authentication, Client, ClientSettings, ClientState, Refused, Released
from ami_dlms.errors import AssociationRefused, AuthenticationFailed, TagMismatch, UsageError
from ami_dlms.framing import Framing, wrapper
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, MemoryCounter, Protection
from ami_dlms.server import ServerSettings

pytestmark = pytest.mark.unit

FRAMINGS = (Framing.WRAPPER, Framing.HDLC)
ENERGY = CosemAttribute(3, parse_obis("1.0.1.8.0.255"), 2)
LLS, GMAC, NONE = Authentication.LLS, Authentication.HLS_GMAC, Authentication.NONE


def refused(talk) -> Exception:
    (event,) = talk.say(talk.client.associate())
    assert isinstance(event, Refused), event
    assert talk.client.state is ClientState.BROKEN
    return event.error


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    ("meter", "client", "diagnostic"),
    [
        (LLS, {"password": b"wrong"}, Diagnostic.AUTHENTICATION_FAILURE),
        (LLS, {"authentication": NONE}, Diagnostic.AUTHENTICATION_REQUIRED),
        (LLS, {"authentication": GMAC}, Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        (GMAC, {"authentication": LLS}, Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        (GMAC, {"authentication": LLS, "client_sap": 16}, Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        (NONE, {"authentication": LLS}, Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        (GMAC, {"client_system_title": b"AMV\0\0\0\0\2"}, Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
    ],
)
def test_the_server_says_why(converse, framing, meter, client, diagnostic) -> None:
    talk = converse(meter, framing, client=client)

    error = refused(talk)

    assert isinstance(error, AssociationRefused)
    assert (error.result, error.diagnostic) == (1, diagnostic)
    assert talk.say(talk.client.release()) == ([Released()] if framing is Framing.HDLC else [])
    assert talk.client.state is ClientState.IDLE


@pytest.mark.parametrize("wrong", ["encryption", "authentication"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_wrong_key(converse, replaced, framing, wrong) -> None:
    error = refused(converse(GMAC, framing, client={"keys": replaced(**{wrong: bytes(16)})}))

    assert isinstance(error, AssociationRefused)
    assert error.diagnostic == Diagnostic.AUTHENTICATION_FAILURE


@pytest.mark.parametrize("wrong", ["encryption", "authentication"])
def test_a_wrong_key_where_apdus_are_plain(converse, replaced, wrong) -> None:
    talk = converse(GMAC, client={"keys": replaced(**{wrong: bytes(16)}), "ciphered": False})

    assert isinstance(refused(talk), AuthenticationFailed)
    talk.client.release()
    assert isinstance(refused(talk), AuthenticationFailed)


def test_a_wrong_key_with_encryption_only(converse, other_keys) -> None:
    talk = converse(client={"keys": other_keys, "ciphered": True, "protection": Protection.ENCRYPTED})

    assert refused(talk).diagnostic == Diagnostic.AUTHENTICATION_FAILURE


def test_a_meter_without_keys_takes_no_ciphered_context(converse) -> None:
    talk = converse(client={"ciphered": True}, server={"keys": None})

    assert refused(talk).diagnostic == Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED


@pytest.mark.parametrize("offered", [Protection.NONE, Protection.AUTHENTICATED, Protection.ENCRYPTED])
def test_a_policy_wants_more_protection(converse, offered) -> None:
    client = {"ciphered": offered is not Protection.NONE, "protection": offered}
    talk = converse(GMAC, client=client, server={"protection": Protection.AUTHENTICATED_ENCRYPTED})

    assert isinstance(refused(talk), AssociationRefused)


def test_a_meter_that_does_not_know_the_keys_is_refused_by_the_client(converse, other_keys) -> None:
    """It accepts everybody's proof, but cannot give its own."""
    talk = converse(GMAC, client={"ciphered": False})
    genuine = talk.server.receive
    impostor = converse(GMAC, client={"ciphered": False, "keys": other_keys}, server={"keys": other_keys})

    def receive(data: bytes) -> bytes:
        """Answer the proof as a meter with other keys would."""
        answer = genuine(data)
        if answer[8:9] == b"\xc7":
            impostor.associate()
            return impostor.to_client[-1][:10] + answer[10:11] + impostor.to_client[-1][11:]
        return answer

    talk.server.receive = receive

    assert isinstance(refused(talk), AuthenticationFailed)


def response_apdu(**change) -> bytes:
    fields = {"result": 0, "user_information": InitiateResponse(CLIENT_CONFORMANCE, 500).to_bytes(), **change}
    return wrapper.encode(Aare(**fields).to_bytes(), 1, 16)


def test_a_response_without_context_and_mechanism_is_taken() -> None:
    client = Client(ClientSettings(authentication=LLS, password=b"1"))
    client.associate()

    (event,) = client.receive(response_apdu(application_context=None))

    assert isinstance(event, Associated)
    assert event.max_pdu == 500


def test_a_response_without_initiate_response_is_taken() -> None:
    client = Client(ClientSettings())
    client.associate()

    (event,) = client.receive(response_apdu(user_information=b""))

    assert event.conformance == CLIENT_CONFORMANCE


def test_the_reason_of_a_confirmed_service_error_is_told() -> None:
    client = Client(ClientSettings())
    client.associate()

    (event,) = client.receive(response_apdu(result=1, diagnostic=1, user_information=bytes.fromhex("0e010601")))

    assert "version" in str(event.error)


@pytest.mark.parametrize(
    "change", [{}, {"responding_ap_title": b"AMI\0\0\0\0\1", "responding_authentication": b"x" * 16}]
)
def test_hls_needs_a_challenge_of_another(change, replaced) -> None:
    settings = ClientSettings(
        authentication=GMAC, keys=replaced(), client_system_title=b"AMI\0\0\0\0\1", ciphered=False
    )
    client = Client(settings, MemoryCounter())
    client.associate()

    (event,) = client.receive(response_apdu(**change))

    assert isinstance(event.error, AuthenticationFailed)


def test_our_challenge_sent_back_is_no_challenge(replaced) -> None:
    settings = ClientSettings(
        authentication=GMAC, keys=replaced(), client_system_title=b"AMI\0\0\0\0\1", ciphered=False
    )
    client = Client(settings, MemoryCounter(), random=lambda length: b"c" * length)
    client.associate()

    (event,) = client.receive(response_apdu(responding_ap_title=b"AMV\0\0\0\0\2", responding_authentication=b"c" * 16))

    assert isinstance(event.error, AuthenticationFailed)


@pytest.mark.parametrize(
    "answer",
    [Rlre(0).to_bytes(), Rlre(None).to_bytes(), ExceptionResponse(1, 1).to_bytes(), response_apdu()[8:], b"\x63\x00"],
)
def test_whatever_answers_a_release_releases(answer) -> None:
    client = Client(ClientSettings())
    client.associate()
    client.receive(response_apdu())
    client.release()

    assert client.receive(wrapper.encode(answer, 1, 16)) == [Released()]


def test_a_release_that_nothing_answers_is_one() -> None:
    client = Client(ClientSettings())
    client.associate()
    client.receive(response_apdu())
    client.release()

    assert client.timeout() == [Released()]


def test_what_cannot_work_is_refused_before_anything_is_sent(replaced) -> None:
    keys = Keys(bytes(16))
    for change in (
        {"authentication": LLS},
        {"authentication": GMAC},
        {"authentication": GMAC, "keys": keys, "client_system_title": bytes(8)},
        {"authentication": GMAC, "keys": replaced()},
        {"authentication": Authentication.HLS_MD5},
        {"ciphered": True},
        {"framing": Framing.MBUS},
        {"server_system_title": b"short"},
    ):
        with pytest.raises(UsageError):
            ClientSettings(**change)
    for change in ({"authentication": LLS}, {"authentication": GMAC}, {"keys": keys}, {"framing": Framing.P1}):
        with pytest.raises(UsageError):
            ServerSettings(**change)
    with pytest.raises(UsageError, match="counter"):
        Client(ClientSettings(ciphered=True, keys=replaced(), client_system_title=bytes(8)))


def test_a_tag_that_does_not_verify_is_the_answers_result(converse) -> None:
    talk = converse(GMAC)
    talk.associate()
    genuine = talk.server.receive
    talk.server.receive = lambda data: genuine(data)[:-1] + b"\x00"

    (answer,) = talk.say(talk.client.get(ENERGY))

    assert isinstance(answer.result, TagMismatch)
    assert talk.client.state is ClientState.READY


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("authentication", [NONE, LLS, GMAC])
def test_a_server_may_refuse_everybody(converse, authentication, framing):
    talk = converse(authentication, framing, server={"refuse": Diagnostic.NO_REASON_GIVEN})
    error = refused(talk)
    assert isinstance(error, AssociationRefused)
    assert error.diagnostic == Diagnostic.NO_REASON_GIVEN
    assert talk.server.associated == 0
