"""The dedicated key of an association as it travels: bound to its meter, opened by whoever holds what wraps it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.raw.v1.session_key_pb2 import SessionKey
from ami_keys.keystore import FileKeyStore, KeyUnavailable, NoKeyStore, add_kek
from ami_keys.session_key import SessionKeyMalformed, kek_of, unwrap_session_key, wrap_session_key

pytestmark = pytest.mark.unit

TITLE, OTHER = bytes.fromhex("414d490000000001"), bytes.fromhex("414d490000000002")
KEY = bytes(range(16))


def made(kek_id, nonce, ciphertext, version):
    return SessionKey(
        kek_id=kek_id or "2026-1", nonce=nonce, ciphertext=ciphertext, version=version
    ).SerializeToString()


@pytest.fixture
def kek(tmp_path):
    path = tmp_path / "kek.json"
    add_kek(path, "2026-1")
    return path


@pytest.mark.parametrize("length", [16, 32])
def test_what_is_wrapped_opens_for_its_meter_and_for_no_other(kek, length):
    store, key = FileKeyStore(kek), bytes(range(length))
    value = wrap_session_key(key, TITLE, store)
    assert unwrap_session_key(value, TITLE, store) == key
    assert kek_of(value) == "2026-1"
    with pytest.raises(KeyUnavailable, match="wrapped for another meter"):
        unwrap_session_key(value, OTHER, store)


def test_it_is_as_small_as_a_header_must_be_and_never_shows_the_key(kek):
    value = wrap_session_key(KEY, TITLE, FileKeyStore(kek))
    assert len(value) < 100
    assert KEY not in value
    assert wrap_session_key(KEY, TITLE, FileKeyStore(kek)) != value, "each has a nonce of its own"


def test_a_retired_key_encryption_key_still_opens(kek):
    value = wrap_session_key(KEY, TITLE, FileKeyStore(kek))
    add_kek(kek, "2027-1")
    store = FileKeyStore(kek)
    assert unwrap_session_key(value, TITLE, store) == KEY
    assert kek_of(wrap_session_key(KEY, TITLE, store)) == "2027-1"


def test_one_that_is_not_held_is_named(kek, tmp_path):
    value = wrap_session_key(KEY, TITLE, FileKeyStore(kek))
    add_kek(tmp_path / "other.json", "2020-1")
    with pytest.raises(KeyUnavailable, match="does not hold the KEK 2026-1"):
        unwrap_session_key(value, TITLE, FileKeyStore(tmp_path / "other.json"))
    with pytest.raises(KeyUnavailable, match="wrapped under 2026-1"):
        unwrap_session_key(value, TITLE, NoKeyStore())
    with pytest.raises(KeyUnavailable, match="no key store was given"):
        wrap_session_key(KEY, TITLE, NoKeyStore())


@pytest.mark.parametrize("part", ["kek_id", "nonce", "ciphertext", "version"])
def test_every_part_is_needed_and_bound(kek, part):
    store = FileKeyStore(kek)
    message = SessionKey.FromString(wrap_session_key(KEY, TITLE, store))
    message.ClearField(part)
    with pytest.raises(SessionKeyMalformed, match="is missing"):
        unwrap_session_key(message.SerializeToString(), TITLE, store)
    setattr(message, part, "00000000" if part in ("kek_id", "version") else b"\x01" * 32)
    with pytest.raises(KeyUnavailable):
        unwrap_session_key(message.SerializeToString(), TITLE, store)


@pytest.mark.parametrize("value", [b"", b"\xff", b"no message", bytes(1000)])
def test_what_is_no_session_key_is_refused(kek, value):
    with pytest.raises(SessionKeyMalformed):
        unwrap_session_key(value, TITLE, FileKeyStore(kek))


def test_a_key_of_no_key_length_is_none(kek):
    store = FileKeyStore(kek)
    with pytest.raises(SessionKeyMalformed, match="has 5 octets"):
        unwrap_session_key(wrap_session_key(bytes(5), TITLE, store), TITLE, store)


@given(st.binary(max_size=200) | st.builds(made, st.text(max_size=9), st.binary(), st.binary(), st.text(max_size=9)))
def test_whatever_a_header_holds_opens_nothing_and_breaks_nothing(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "any-kek.json"
    if not path.exists():
        add_kek(path, "2026-1")
    with pytest.raises((SessionKeyMalformed, KeyUnavailable)):
        unwrap_session_key(value, TITLE, FileKeyStore(path))
