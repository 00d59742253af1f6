"""General block transfer: both sides against each other over a channel that drops, repeats, reorders and damages."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_dlms import apdu
from ami_dlms.apdu import GeneralBlockTransfer
from ami_dlms.association.block_transfer import BLOCK_HEADER, BlockTransfer
from ami_dlms.errors import LimitExceeded, UsageError

pytestmark = pytest.mark.unit


def sides(size: int = 20, windows: tuple[int, int] = (4, 4)) -> tuple[BlockTransfer, BlockTransfer]:
    return (
        BlockTransfer(size + BLOCK_HEADER, windows[0], initiator=True),
        BlockTransfer(size + BLOCK_HEADER, windows[1], initiator=False),
    )


def blocks(apdus: list[bytes]) -> list[GeneralBlockTransfer]:
    return [apdu.decode(octets) for octets in apdus]


class Air:
    """Carries APDUs; `chance` decides what happens to each."""

    def __init__(self, chance: random.Random, drop: float, repeat: float, swap: float) -> None:
        self.chance, self.drop, self.repeat, self.swap = chance, drop, repeat, swap
        self.carried = 0

    def carry(self, apdus: list[bytes]) -> list[bytes]:
        arriving: list[bytes] = []
        for octets in apdus:
            drawn = self.chance.random()
            if drawn >= self.drop:
                arriving.append(octets)
                if drawn < self.drop + self.repeat:
                    arriving.append(octets)
        for index in range(len(arriving) - 1):
            if self.chance.random() < self.swap:
                other = min(len(arriving) - 1, index + self.chance.randrange(1, 4))
                arriving[index], arriving[other] = arriving[other], arriving[index]
        self.carried += len(apdus)
        return arriving


def exchange(client, server, request: bytes, response: bytes, air: Air, patience: int = 3000):
    """Run one exchange; return what the server and the client got."""
    got_request = got_response = None
    to_server, to_client = client.send(request), []
    for _ in range(patience):
        arriving = air.carry(to_server)
        to_server = []
        for octets in arriving:
            arrival = server.receive(apdu.decode(octets))
            to_client += arrival.send
            if arrival.apdu is not None:
                assert got_request is None
                got_request = arrival.apdu
                to_client += server.send(response)
        arriving = air.carry(to_client)
        to_client = []
        for octets in arriving:
            arrival = client.receive(apdu.decode(octets))
            to_server += arrival.send
            if arrival.apdu is not None:
                assert got_response is None
                got_response = arrival.apdu
        if got_response is not None:
            return got_request, got_response
        if not to_server:
            to_server = client.timeout()
    raise AssertionError("no progress")


def test_who_says_what():
    """A short request and a response of seven blocks, window 3, put together by hand from the rules of 9.4.6.13."""
    client, server = sides(2, (3, 3))
    (request,) = blocks(client.send(b"\xc0"))
    assert request == GeneralBlockTransfer(True, False, 3, 1, 0, b"\xc0")
    assert server.receive(request).apdu == b"\xc0"

    first = blocks(server.send(bytes(range(14))))
    assert [(one.last, one.streaming, one.block_number, one.block_number_ack) for one in first] == [
        (False, True, 1, 1),
        (False, True, 2, 1),
        (False, False, 3, 1),
    ]
    confirms = [client.receive(one) for one in first]
    assert [len(one.send) for one in confirms] == [0, 0, 1]
    (confirm,) = blocks(confirms[-1].send)
    assert (confirm.block_number, confirm.block_number_ack, confirm.data) == (2, 3, b"")

    second = blocks(server.receive(confirm).send)
    assert [one.block_number for one in second] == [4, 5, 6]
    assert all(one.block_number_ack == 2 for one in second)
    (confirm,) = blocks([send for one in second for send in client.receive(one).send])
    (last,) = blocks(server.receive(confirm).send)
    assert (last.last, last.streaming, last.block_number) == (True, False, 7)
    assert client.receive(last).apdu == bytes(range(14))


def test_a_lost_block_is_sent_again():
    client, server = sides(2, (4, 4))
    server.receive(blocks(client.send(b"\xc0"))[0])
    one, two, three, four = blocks(server.send(bytes(range(12))))
    client.receive(one)
    client.receive(three)
    (confirm,) = blocks(client.receive(four).send)

    assert confirm.block_number_ack == 1
    again = blocks(server.receive(confirm).send)
    assert again[0].data == two.data
    assert [block.block_number for block in again] == [2, 3, 4, 5]
    sent = [send for block in again for send in client.receive(block).send]
    assert blocks(sent)[-1].block_number_ack == 5


@pytest.mark.parametrize("windows", [(1, 1), (1, 8), (8, 1), (63, 63)])
@pytest.mark.parametrize("length", [1, 19, 20, 21, 4000])
def test_without_losses_nothing_is_repeated(windows, length):
    client, server = sides(20, windows)
    air = Air(random.Random(1), 0, 0, 0)
    request, response = random.Random(length).randbytes(length), random.Random(-length).randbytes(3 * length)

    assert exchange(client, server, request, response, air) == (request, response)
    data = -(-length // 20) + -(-3 * length // 20)
    confirmations = 2 + 2 * data // min(windows)
    assert air.carried <= data + confirmations


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1 << 30),
    st.integers(1, 63),
    st.integers(1, 63),
    st.binary(min_size=1, max_size=3000),
    st.binary(min_size=1, max_size=3000),
)
def test_whatever_happens_to_blocks_the_apdus_arrive(seed, ours, theirs, request, response):
    air = Air(random.Random(seed), 0.2, 0.2, 0.2)

    assert exchange(*sides(20, (ours, theirs)), request, response, air) == (request, response)


def test_repeats_do_not_breed():
    """Every APDU arrives twice: the traffic grows by no more than that."""
    request, response = bytes(2000), bytes(2000)
    plain, doubled = Air(random.Random(1), 0, 0, 0), Air(random.Random(1), 0, 1, 0)
    exchange(*sides(), request, response, plain)
    exchange(*sides(), request, response, doubled)

    assert doubled.carried <= 3 * plain.carried


def test_blocks_that_contradict_each_other_are_doubtful():
    client, server = sides(2, (4, 4))
    server.receive(blocks(client.send(b"\xc0"))[0])
    one, two, three = blocks(server.send(bytes(range(6))))
    client.receive(two)
    client.receive(GeneralBlockTransfer(*[*vars_of(two)[:-1], b"no"]))
    client.receive(three)

    arrival = client.receive(one)

    assert arrival.apdu == bytes(range(6))
    assert arrival.doubtful


def vars_of(block):
    return [getattr(block, name) for name in block.__dataclass_fields__]


def test_blocks_of_another_exchange_are_passed_over():
    client, _ = sides()
    client.send(b"\xc0")

    assert client.receive(GeneralBlockTransfer(False, False, 4, 1, 7, b"old")).send == []
    assert client.receive(GeneralBlockTransfer(False, True, 4, 60, 1, b"far")) == ([], None, False)


def test_limits():
    receiver = BlockTransfer(100, 63, initiator=False, limit=100)
    with pytest.raises(LimitExceeded):
        for number in range(1, 5):
            receiver.receive(GeneralBlockTransfer(False, True, 1, number, 0, bytes(30)))
    with pytest.raises(UsageError):
        BlockTransfer(BLOCK_HEADER + 1, 1, initiator=True).send(bytes(70000))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), *[st.integers(0, 63)] * 3, st.binary(max_size=5)), max_size=20))
def test_any_blocks_are_taken(received):
    for side in sides():
        side.send(bytes(100))
        for fields in received:
            side.receive(GeneralBlockTransfer(*fields))
        side.timeout()
