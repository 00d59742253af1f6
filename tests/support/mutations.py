"""Messages of the corpus, damaged: a seeded generator of hostile input."""

import random

from ami_dlms.framing import Framing, unframe
from ami_dlms.framing.checks import fcs16

HDLC, MBUS = 0x7E, 0x68
_LENGTHS_FOLLOW = (0x01, 0x02, 0x09, 0x0A, 0x0C, 0x04, 0x13)
"""Tags of data whose next octet is a length or a count."""
_FRAMINGS = {"hdlc": Framing.HDLC, "mbus": Framing.MBUS, "wrapper": Framing.WRAPPER}
_EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF)


def flipped(dice, octets, _others):
    """Some bits turned around."""
    made = bytearray(octets)
    for _ in range(dice.randint(1, 8)):
        made[dice.randrange(len(made))] ^= 1 << dice.randrange(8)
    return made


def truncated(dice, octets, _others):
    """The begin only."""
    return octets[: dice.randrange(len(octets))]


def beheaded(dice, octets, _others):
    """The end only."""
    return octets[dice.randrange(len(octets)) :]


def inserted(dice, octets, _others):
    """Octets more, random or repeated from the message itself."""
    at, begin = dice.randrange(len(octets) + 1), dice.randrange(len(octets))
    more = dice.randbytes(dice.randint(1, 40)) if dice.random() < 0.5 else octets[begin : begin + dice.randint(1, 200)]
    return octets[:at] + more + octets[at:]


def removed(dice, octets, _others):
    """Octets less."""
    at = dice.randrange(len(octets))
    return octets[:at] + octets[at + dice.randint(1, 20) :]


def with_other_lengths(dice, octets, _others):
    """Lengths, counts and tags of data replaced by extreme ones."""
    made = bytearray(octets)
    places = [at + 1 for at, octet in enumerate(octets[:-1]) if octet in _LENGTHS_FOLLOW] or [0]
    for _ in range(dice.randint(1, 3)):
        made[dice.choice(places)] = dice.choice(_EXTREMES)
    return made


def with_other_frame_length(dice, octets, _others):
    """The length in the head of the frame changed."""
    made = bytearray(octets)
    for at in range(1, min(8, len(made))):
        if dice.random() < 0.3:
            made[at] = dice.choice((*_EXTREMES, made[at] ^ 1 << dice.randrange(8)))
    return made


def spliced(dice, octets, others):
    """The begin of one message and the end of another."""
    other = dice.choice(others)
    return octets[: dice.randrange(len(octets) + 1)] + other[dice.randrange(len(other)) :]


MUTATIONS = (
    flipped, truncated, beheaded, inserted, removed, with_other_lengths, with_other_frame_length, spliced,
)  # fmt: skip


def repaired(octets):
    """Make the check sequence of a single HDLC frame or M-Bus frame right again, so that its content is looked at."""
    made = bytearray(octets)
    if len(made) > 11 and made[0] == made[-1] == HDLC:
        made[1:3] = (0xA000 | (len(made) - 2) & 0x7FF).to_bytes(2, "big")
        head = 4 + next((at for at in range(3, 7) if made[at] & 1), 3)  # behind the destination address
        end = next((at for at in range(head - 1, head + 4) if at < len(made) and made[at] & 1), head) + 2
        if end + 2 < len(made) - 3:
            made[end : end + 2] = fcs16(bytes(made[1:end]))
            made[-3:-1] = fcs16(bytes(made[1:-3]))
    elif len(made) > 10 and made[0] == MBUS and made[-1] == 0x16:
        made[1] = made[2] = (len(made) - 6) & 0xFF
        made[-2] = sum(made[4:-2]) & 0xFF
    return bytes(made)


def damaged(vectors, count, seed):
    """Yield `count` messages as `ami decode` takes them, each a vector of the corpus damaged by one or two mutations.

    They are damaged as they are, and as the APDU that they hold, without frame and cipher around it.
    """
    dice = random.Random(seed)
    sources = []
    for vector in vectors:
        sources.append((bytes.fromhex(vector["hex"]), vector))
        plain = {**vector, "transport": "raw-apdu", "keys": None}
        if vector.get("decrypted_hex"):
            sources.append((bytes.fromhex(vector["decrypted_hex"]), plain))
        elif vector["transport"] in _FRAMINGS:
            found = unframe(bytes.fromhex(vector["hex"]), _FRAMINGS[vector["transport"]], lenient=True)
            sources += [(apdu, plain) for apdu in found.apdus]
    octets_of_all = [octets for octets, _ in sources]
    for number in range(count):
        octets, vector = dice.choice(sources)
        for _ in range(dice.choice((1, 1, 2))):
            if octets:
                octets = bytes(dice.choice(MUTATIONS)(dice, octets, octets_of_all))
        if dice.random() < 0.5:
            octets = repaired(octets)
        yield {
            "id": f"{number} of {vector['id']}",
            "hex": octets.hex(),
            "transport": vector["transport"],
            "keys": vector["keys"],
            "request_hex": vector.get("request_hex"),
        }
