"""The state tables, and what no octets can do."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ami_dlms import axdr
from ami_dlms.apdu import CosemAttribute
from ami_dlms.association.states import (
    CLIENT_TRANSITIONS,
    SERVER_TRANSITIONS,
    ClientInput,
    ClientState,
    ServerInput,
    ServerState,
    step,
)
from ami_dlms.client import Answer, Authentication
from ami_dlms.errors import UsageError
from ami_dlms.framing import Framing
from ami_dlms.obis import parse_obis

pytestmark = pytest.mark.unit

FRAMINGS = (Framing.WRAPPER, Framing.HDLC)
ENERGY = CosemAttribute(3, parse_obis("1.0.1.8.0.255"), 2)


@pytest.mark.parametrize(
    ("table", "states", "inputs", "start"),
    [
        (CLIENT_TRANSITIONS, ClientState, ClientInput, ClientState.IDLE),
        (SERVER_TRANSITIONS, ServerState, ServerInput, ServerState.IDLE),
    ],
)
def test_every_state_is_reached_and_left_and_every_input_counts(table, states, inputs, start) -> None:
    reached = {start}
    while more := {after for (before, _), after in table.items() if before in reached} - reached:
        reached |= more

    assert reached == set(states)
    assert {before for before, _ in table} == set(states)
    assert {event for _, event in table} == set(inputs)


@pytest.mark.parametrize("state", list(ClientState))
def test_idle_is_always_within_reach(state) -> None:
    reached = {state}
    while more := {after for (before, _), after in CLIENT_TRANSITIONS.items() if before in reached} - reached:
        reached |= more

    assert ClientState.IDLE in reached


def test_what_is_not_in_the_table_is_not_possible() -> None:
    with pytest.raises(UsageError, match="Not possible while idle: request"):
        step(CLIENT_TRANSITIONS, ClientState.IDLE, ClientInput.REQUEST)


HOSTILE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("framing", FRAMINGS)
@HOSTILE
@given(pieces=st.lists(st.binary(max_size=80), max_size=4))
def test_no_octets_upset_a_server(converse, framing, pieces) -> None:
    server = converse(Authentication.HLS_GMAC, framing).server

    for piece in pieces:
        assert isinstance(server.receive(piece), bytes)


@pytest.mark.parametrize("framing", FRAMINGS)
@HOSTILE
@given(
    at=st.integers(min_value=0, max_value=400),
    flip=st.integers(min_value=1, max_value=255),
    authentication=st.sampled_from([Authentication.NONE, Authentication.LLS, Authentication.HLS_GMAC]),
)
def test_damaged_octets_never_raise_and_never_give_a_wrong_value(converse, framing, at, flip, authentication) -> None:
    """One octet of all that the meter says is changed. Where a check protects it, no other value may come out."""
    talk = converse(authentication, framing)
    genuine, seen = talk.server.receive, 0

    def damaged(data: bytes) -> bytes:
        nonlocal seen
        answer = bytearray(genuine(data))
        if seen <= at < seen + len(answer):
            answer[at - seen] ^= flip
        seen += len(answer)
        return bytes(answer)

    talk.server.receive = damaged
    talk.say(talk.client.associate())
    if talk.client.state is ClientState.READY:
        for event in talk.say(talk.client.get(ENERGY)):
            protected = framing is Framing.HDLC or authentication is Authentication.HLS_GMAC
            if protected and isinstance(event, Answer) and isinstance(event.result, axdr.Data):
                assert event.result == axdr.uint32(4711)
    talk.client.timeout()
    talk.client.connection_lost()
