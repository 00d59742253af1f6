"""Every payload of the corpus goes through the core: it decodes, or there is a written reason why not."""

import collections
import random

import pytest

from ami_dlms import apdu
from ami_dlms.errors import DlmsError
from ami_dlms.framing import Framing, failure, unframe
from ami_dlms.security import Keys, unprotect

pytestmark = pytest.mark.unit

FRAMINGS = {
    "hdlc": Framing.HDLC,
    "wrapper": Framing.WRAPPER,
    "mbus": Framing.MBUS,
    "raw-apdu": Framing.NONE,
    "dsmr-p1": Framing.P1,
}
CIPHERED = (apdu.GeneralGloCiphering, apdu.ServiceCiphered)
UNFINISHED = "the payload is a part of a segmented message; the rest was not published"
LINK_FRAME = "a frame of the link alone: it carries no APDU"
NO_APDU = "the payload is the data of an APDU, published without the APDU around it"
REASONS = {
    "amshan-hdlc-noinfo": LINK_FRAME,
    "amshan-hdlc-stuffed": "a synthetic frame whose octets are stuffed; what it carries is no APDU",
    "athombv-described-list": "the list announces more values than there are, under a wrong frame check",
    "athombv-iskra-1": "the list announces more values than there are",
    "dlmsparser-hdlc-landis-gyr-zmf100": "two tags stand in the wrong order (06 09), under a wrong frame check",
    "dlmsparser-raw-egd-example": "attribute descriptors without tags: no A-XDR (a dialect reads it)",
    "dlmsparser-raw-sagecom-xt211": "attribute descriptors without tags: no A-XDR (a dialect reads it)",
    "esphome-16942-e450-cyprus": "a wrong frame check",
    "idx-spodes-segment-1": UNFINISHED,
    "idx-spodes-segment-2": UNFINISHED,
    "idx-spodes-segments-joined": UNFINISHED,
    "ixs-5-body-1": NO_APDU,
    "ixs-5-body-2": NO_APDU,
    "ixs-5-body-3": NO_APDU,
    "jdlms-fcs-0": LINK_FRAME,
    "jdlms-hdlc-1": LINK_FRAME,
    "jdlms-hdlc-2": LINK_FRAME,
    "jdlms-hdlc-3": "its lengths are one too short: an octet is left",
    "jdlms-hdlc-4": LINK_FRAME,
    "jdlms-kamstrup-objectlist": NO_APDU,
    "nooxnet-telegram-reader-0": UNFINISHED,
    "nooxnet-telegram-reader-1": UNFINISHED,
    "osgp-mx382-lastgasp": "the octet that says whether a time follows is left out (a dialect reads it)",
    "osgp-mx382-wakeup": "the octet that says whether a time follows is left out (a dialect reads it)",
    "pwitab-24h-profile": NO_APDU,
    "pwitab-gsm-lte": NO_APDU,
    "pwitab-hdlc-2": LINK_FRAME,
    "pwitab-hdlc-3": LINK_FRAME,
    "pwitab-profile-buffer": NO_APDU,
    "spodes-gsm-profile": NO_APDU,
    "spodes-objectlist-block1": "the frame has 257 octets, its length says 1, and it is a part of a segmented message",
}


def decode(octets, transport, keys):
    """Unframe, decipher and decode; raises a DlmsError."""
    message = unframe(octets, FRAMINGS[transport])
    wrong = failure(message)
    if wrong is not None:
        raise wrong
    for each in message.apdus:
        found = apdu.decode(each)
        if isinstance(found, CIPHERED) and keys["guek"]:
            gak = bytes.fromhex(keys["gak"]) if keys["gak"] else None
            title = bytes.fromhex(keys["system_title"] or "")
            opened = unprotect(found, Keys(bytes.fromhex(keys["guek"]), gak), title, verify=gak is not None)
            if not opened.plaintext.startswith(b"/"):  # an enveloped P1 telegram is text
                apdu.decode(opened.plaintext)


def test_each_payload_decodes_or_has_a_reason(corpus, capsys):
    table = collections.defaultdict(collections.Counter)
    wrong = []
    for vector in corpus:
        try:
            decode(bytes.fromhex(vector["hex"]), vector["transport"], vector["keys"])
        except DlmsError as error:
            table[vector["manufacturer"]]["with a reason"] += 1
            if vector["id"] not in REASONS:
                wrong.append(f"{vector['id']}: {error}")
        else:
            table[vector["manufacturer"]]["decoded"] += 1
            if vector["id"] in REASONS:
                wrong.append(f"{vector['id']} decodes: its reason is out of date")

    with capsys.disabled():
        print(f"\n  {'manufacturer':<40}{'decoded':>9}{'with a reason':>15}")
        for manufacturer, counts in sorted(table.items()):
            print(f"  {manufacturer:<40}{counts['decoded']:>9}{counts['with a reason']:>15}")
    assert wrong == []


def test_mutations_of_good_payloads_end_in_values_or_our_own_errors(corpus):
    source = random.Random(4)
    good = [vector for vector in corpus if vector["id"] not in REASONS]
    for vector in good:
        for _ in range(12):
            octets = bytearray.fromhex(vector["hex"])
            for _ in range(source.randint(1, 3)):
                octets[source.randrange(len(octets))] = source.randrange(256)
            cut = source.choice((len(octets), source.randrange(1, len(octets) + 1)))
            try:
                decode(bytes(octets[:cut]), vector["transport"], vector["keys"])
            except DlmsError as error:
                assert error.reason
