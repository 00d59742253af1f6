"""What is wrong with the keys of a message that does not open: each cause by its own code, bounded, without secrets."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms.apdu import DataNotification, GetResponseNormal
from ami_dlms.axdr import Data, Tag, structure
from ami_dlms.security import Form, Keys, Protection, protect
from ami_kafka.loop import RawMessage
from ami_keys.keystore import FileKeyStore, add_kek
from ami_normalize.diagnosis import MOST_OCTETS, diagnose
from ami_normalize.fast import Normalizer
from ami_normalize.keys import KeyKind, KeyRing, meter_keys
from ami_normalize.pipeline import Context, RawRecord
from ami_normalize.pipeline.outcome import MOST_MESSAGE
from ami_normalize.registry import records
from ami_normalize.registry.packed import RegistryState
from ami_normalize.registry.records import KeyName
from ami_normalize.stream.derived import outputs
from ami_normalize.stream.diagnoser import Diagnoser
from ami_schemas.diagnoses import Diagnosis

pytestmark = pytest.mark.unit

TITLE, NEAR, FAR = (bytes.fromhex(f"414d49{number:010x}") for number in (1000, 1001, 5_000_000))
EK, AK, EK2, AK2 = (bytes([seed]) * 16 for seed in (1, 2, 3, 4))
ENERGY = structure(
    Data(Tag.OCTET_STRING, bytes((1, 0, 1, 8, 0, 255))),
    Data(Tag.UINT32, 12345),
    structure(Data(Tag.INT8, 0), Data(Tag.ENUM, 30)),
)
PUSH = DataNotification(1, b"", structure(*[ENERGY] * 5)).to_bytes()
BOTH = Protection.AUTHENTICATED_ENCRYPTED
CONTEXT = Context()


def sealed(encryption=EK, authentication=AK, title=TITLE, protection=BOTH, form=Form.GENERAL_GLO, apdu=PUSH):
    keys = Keys(encryption, authentication)
    return protect(apdu, keys=keys, system_title=title, invocation_counter=7, protection=protection, suite=0, form=form)


def ring(**titles):
    known = {bytes.fromhex(title.removeprefix("t")): meter_keys(keys, "test") for title, keys in titles.items()}
    return replace(CONTEXT, keys=KeyRing(known))


def known(title, encryption, authentication=None):
    return {f"t{title.hex()}": {"guek": encryption.hex(), "gak": authentication and authentication.hex()}}


def record(apdu, title=TITLE):
    found = {"ami-framing": b"none", "ami-exchange": b"push"}
    return RawRecord("ami.raw.v1", 0, 1, f"st-{title.hex()}".encode(), apdu, found, timestamp_ms=1_709_294_400_000)


def code(*arguments, **more):
    found = diagnose(*arguments, **more)
    if found is not None:
        assert found.code.remedy in found.sentence
        assert len(found.sentence.encode()) <= MOST_MESSAGE
        for key in (EK, AK, EK2, AK2):
            assert key.hex() not in found.sentence
    return found and found.code


@pytest.mark.parametrize(
    ("keys", "protection", "expected"),
    [
        ((EK2, AK), BOTH, Diagnosis.WRONG_EK),
        ((EK2, None), BOTH, Diagnosis.WRONG_EK),
        ((EK2, None), Protection.ENCRYPTED, Diagnosis.WRONG_EK),
        ((EK, None), BOTH, Diagnosis.AK_MISSING),
        ((EK, AK2), BOTH, Diagnosis.AK_WRONG),
        ((EK, None), Protection.AUTHENTICATED, Diagnosis.AK_MISSING),
        ((EK, AK2), Protection.AUTHENTICATED, Diagnosis.AK_WRONG),
    ],
)
def test_each_wrong_key_by_its_code(keys, protection, expected):
    assert code(record(sealed(protection=protection)), ring(**known(TITLE, *keys))) is expected


def test_what_opens_needs_no_diagnosis():
    assert code(record(sealed()), ring(**known(TITLE, EK, AK))) is None
    assert code(record(PUSH), ring(**known(TITLE, EK, AK))) is None
    assert code(record(b"\xdb"), ring(**known(TITLE, EK, AK))) is None
    assert code(record(sealed()), CONTEXT) is None  # no key is known: KEY_MISSING says it all


def test_changed_octets_are_told_from_wrong_keys_where_the_keys_were_right_before():
    changed = bytearray(sealed())
    changed[-13] ^= 0x01  # the last unit
    context = ring(**known(TITLE, EK, AK))
    version = context.keys.find(TITLE).version

    def verified(title, key_version):
        return (title, key_version) == (TITLE, version)

    assert code(record(bytes(changed)), context) is Diagnosis.AK_WRONG
    assert code(record(bytes(changed)), context, verified=verified) is Diagnosis.CORRUPT_FRAME
    garbled = bytearray(sealed())
    garbled[13] ^= 0x01  # the invocation counter: nothing comes out right
    assert code(record(bytes(garbled)), context, verified=verified) is Diagnosis.CORRUPT_FRAME
    assert code(record(bytes(garbled)), context) is Diagnosis.WRONG_EK


def test_what_begins_well_and_breaks_off_is_corrupt():
    broken = bytearray(sealed(protection=Protection.ENCRYPTED))
    broken[-11] ^= 0xFF  # the type of the last value

    assert code(record(bytes(broken)), ring(**known(TITLE, EK))) is Diagnosis.CORRUPT_FRAME


def test_keys_that_were_mixed_up_are_found_among_neighbours_and_suspects():
    assert code(record(sealed()), ring(**known(TITLE, EK2, AK2), **known(NEAR, EK, AK))) is Diagnosis.KEYS_OF_ANOTHER
    far = ring(**known(TITLE, EK2, AK2), **known(FAR, EK, AK))
    assert code(record(sealed()), far) is Diagnosis.WRONG_EK
    assert code(record(sealed()), far, suspects=[FAR]) is Diagnosis.KEYS_OF_ANOTHER
    assert code(record(sealed()), ring(**known(NEAR, EK, AK))) is Diagnosis.KEYS_OF_ANOTHER  # a slip of the pen


def test_a_message_that_says_it_is_of_another_meter():
    answer = GetResponseNormal(1, structure(ENERGY)).to_bytes()
    said = sealed(title=NEAR, form=Form.GLO, apdu=answer)  # carries no title: the record's key says TITLE

    found = diagnose(record(said), ring(**known(TITLE, EK2, AK2), **known(NEAR, EK, AK)))
    assert found.code is Diagnosis.WRONG_SYSTEM_TITLE
    assert NEAR.hex() in found.sentence


def test_another_key_version_is_named(tmp_path):
    add_kek(tmp_path / "kek.json", "test")
    store = FileKeyStore(tmp_path / "kek.json")
    then = 1_700_000_000_000_000

    def key(kind, octets, **validity):
        return records.key_record(KeyName(TITLE, kind, ""), octets, store, **validity)

    (name, guek), (_, gak), (_, guek2), (_, gak2) = (
        key(KeyKind.GUEK, EK, until_us=then),
        key(KeyKind.GAK, AK, until_us=then),
        key(KeyKind.GUEK, EK2, from_us=then),
        key(KeyKind.GAK, AK2, from_us=then),
    )
    state = RegistryState(store)
    state.apply([guek, gak, guek2, gak2])
    context = replace(CONTEXT, keys=KeyRing(timelines=state.view), registry=state.view)

    mixed = diagnose(record(sealed(EK, AK2)), context)  # the meter took the new authentication key only
    assert mixed.code is Diagnosis.OTHER_KEY_VERSION
    assert name.version in mixed.sentence
    assert code(record(sealed(EK2, AK)), context) is Diagnosis.OTHER_KEY_VERSION


def test_a_key_that_cannot_be_used_is_no_wrong_key(tmp_path):
    stores = []
    for name in ("held", "lost"):
        add_kek(tmp_path / f"{name}.json", name)
        stores.append(FileKeyStore(tmp_path / f"{name}.json"))
    held, lost = stores
    state = RegistryState(held)
    for octets, store, validity in ((EK2, held, {"until_us": 1000}), (EK, lost, {"from_us": 1000})):
        state.apply([records.key_record(KeyName(TITLE, KeyKind.GUEK, ""), octets, store, **validity)[1]])

    assert code(record(sealed()), replace(CONTEXT, keys=KeyRing(timelines=state.view))) is None


@given(st.binary(max_size=200))
def test_it_never_fails_whatever_comes(octets):
    context = ring(**known(TITLE, EK, AK))
    for apdu in (octets, b"\xdb\x08" + TITLE + octets, b"\xcc" + octets, sealed()[:20] + octets):
        diagnose(record(apdu), context, suspects=[octets[:8], NEAR])


def test_a_long_message_is_not_looked_into():
    long = DataNotification(1, b"", structure(*[ENERGY] * (MOST_OCTETS // 18))).to_bytes()

    assert code(record(sealed(apdu=long)), ring(**known(TITLE, EK2))) is None


def dead_letter(diagnoser, context):
    raw = record(sealed())
    message = RawMessage(
        raw.topic,
        0,
        1,
        raw.timestamp_ms,
        raw.key,
        raw.value,
        tuple((name, value) for name, value in raw.headers.items()),
    )
    (output,) = outputs(message, Normalizer(context), "group", None, diagnoser)
    return dict(output.headers)


def test_the_diagnosis_stands_in_the_dead_letter_as_often_as_there_is_time():
    now, context = [0.0], ring(**known(TITLE, EK2, AK))
    diagnoser = Diagnoser(lambda _partition, _key: False, clock=lambda: now[0])
    told = [dead_letter(diagnoser, context) for _ in range(200)]

    assert told[0]["dlq.diagnosis"] == b"WRONG_EK"
    assert Diagnosis.WRONG_EK.remedy.encode() in told[0]["dlq.message"]
    assert sum("dlq.diagnosis" in one for one in told) == 50
    assert {one["dlq.reason"] for one in told} == {b"TAG_MISMATCH"}
    assert b"does not verify" in told[-1]["dlq.message"]
    now[0] = 1.0
    assert sum("dlq.diagnosis" in dead_letter(diagnoser, context) for _ in range(200)) == 20


def test_two_meters_with_each_others_keys_find_each_other():
    context = ring(**known(TITLE, EK2, AK2), **known(FAR, EK, AK))
    diagnoser = Diagnoser(lambda _partition, _key: False)
    swapped = record(sealed(EK2, AK2, FAR), FAR)
    message = RawMessage("ami.raw.v1", 0, 2, 0, swapped.key, swapped.value, tuple(swapped.headers.items()))
    assert "dlq.diagnosis" in dict(outputs(message, Normalizer(context), "group", None, diagnoser)[0].headers)

    assert dead_letter(diagnoser, context)["dlq.diagnosis"] == b"KEYS_OF_ANOTHER"
