"""Key encryption keys in a file: what is wrapped opens only there, and only for whom it was wrapped."""

import errno
import json

import pytest

from ami_kafka.processor import cause_of
from ami_keys.errors import KeysUnreadable
from ami_keys.keystore import FileKeyStore, KeyStoreAway, KeyUnavailable, NoKeyStore, add_kek

pytestmark = pytest.mark.unit

KEY = bytes(range(16))


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "kek.json"
    add_kek(found, "2024-1")
    return found


def test_a_wrapped_key_opens_for_whom_it_was_wrapped(path):
    store = FileKeyStore(path)
    wrapped = store.wrap(KEY, b"key/a")

    assert store.unwrap(wrapped, b"key/a") == KEY
    assert KEY not in wrapped.ciphertext
    assert store.wrap(KEY, b"key/a") != wrapped  # another nonce each time
    with pytest.raises(KeyUnavailable, match="another meter"):
        store.unwrap(wrapped, b"key/b")


def test_a_retired_kek_still_opens_what_it_wrapped(path):
    store = FileKeyStore(path)
    old = store.wrap(KEY, b"a")
    add_kek(path, "2025-1")

    assert store.refresh()
    assert not store.refresh()
    assert (store.current, store.ids) == ("2025-1", ("2024-1", "2025-1"))
    assert store.wrap(KEY, b"a").kek_id == "2025-1"
    assert store.unwrap(old, b"a") == KEY


def test_a_kek_that_is_not_held_is_named(path, tmp_path):
    other = tmp_path / "other.json"
    add_kek(other, "elsewhere")
    wrapped = FileKeyStore(other).wrap(KEY, b"a")

    with pytest.raises(KeyUnavailable, match="elsewhere"):
        FileKeyStore(path).unwrap(wrapped, b"a")
    with pytest.raises(KeyUnavailable, match="--kek"):
        NoKeyStore().unwrap(wrapped, b"a")
    with pytest.raises(KeyUnavailable, match="--kek"):
        NoKeyStore().wrap(KEY, b"a")


def test_the_file_is_the_owners_alone(path):
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(KeysUnreadable, match="chmod 600"):
        FileKeyStore(path)


def test_a_taken_id_and_no_name_are_refused(path):
    before = path.read_text()
    for kek_id in ("2024-1", "", "a/b", "x" * 65):
        with pytest.raises(KeysUnreadable):
            add_kek(path, kek_id)
    assert path.read_text() == before


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"current": "a", "keks": {}}',
        '{"current": "a", "keks": {"a": "00"}}',
        "[]",
        '{"current": "a", "keks": {"a": 1}}',
    ],
)
def test_a_broken_file_is_one_sentence(path, content):
    path.write_text(content)
    with pytest.raises(KeysUnreadable):
        FileKeyStore(path)


def test_a_file_that_broke_is_refused_and_the_old_keys_stay(path):
    store = FileKeyStore(path)
    wrapped = store.wrap(KEY, b"a")
    path.write_text("{")

    with pytest.raises(KeysUnreadable):
        store.refresh()
    assert store.unwrap(wrapped, b"a") == KEY


def test_no_key_shows(path):
    held = json.loads(path.read_text())["keks"]["2024-1"]
    store = FileKeyStore(path)

    assert held not in repr(store)
    assert KEY.hex() not in repr(store.wrap(KEY, b"a"))


def test_a_key_store_that_is_away_is_named_as_what_is_missing():
    assert cause_of(KeyStoreAway("the module does not answer")) == "key-store"
    assert cause_of(OSError(errno.ENOSPC, "full")) == "disk"
    assert cause_of(OSError("else")) == "environment"
