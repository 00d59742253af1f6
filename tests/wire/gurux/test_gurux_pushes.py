"""Pushes made by the independent gurux_dlms become the readings it says it sent, whatever their wrapping."""

import itertools
import socket
import threading

import pytest

from ami_normalize.offline import decode_line

pytestmark = pytest.mark.wire

PROTECTIONS = {
    "none": "none",
    "authentication": "authenticated",
    "encryption": "encrypted",
    "authentication-encryption": "authenticated+encrypted",
}

# The sizes of blocks avoid those at which gurux_dlms sends no last block (it ends with an unmarked full one).
SHAPES = {
    "wrapper": ("wrapper",),
    "wrapper, general block transfer": ("wrapper", "--max-pdu", "110"),
    "hdlc, one frame": ("hdlc", "--max-info", "2030"),
    "hdlc, segmented": ("hdlc",),
    "hdlc, small segments": ("hdlc", "--max-info", "32"),
    "hdlc, segmented blocks": ("hdlc", "--max-pdu", "160"),
}


@pytest.fixture
def line_of(meter_secrets):
    """Make the `ami decode` line of one push."""

    def line(truth, transport):
        keys = {name: meter_secrets[name] for name in ("guek", "gak", "system_title")}
        if truth["security"] == "encryption":
            del keys["gak"]  # a meter with a key for authentication must use it
        return {
            "id": "x",
            "hex": truth["hex"],
            "transport": transport,
            "keys": keys if truth["security"] != "none" else {},
        }

    return line


class Sink:
    """A TCP or UDP port that keeps what it receives."""

    def __init__(self, transport):
        self.received = b""
        self._datagrams = transport == "udp"
        kind = socket.SOCK_DGRAM if self._datagrams else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(30)
        self.address = "{}:{}".format(*self._socket.getsockname())
        if not self._datagrams:
            self._socket.listen()
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()

    def _receive(self):
        with self._socket:
            if self._datagrams:
                self.received = self._socket.recv(65535)
                return
            peer, _ = self._socket.accept()
            with peer:
                while octets := peer.recv(65535):
                    self.received += octets

    def wait(self):
        self._thread.join(30)
        return self.received


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("security", PROTECTIONS)
def test_each_push_becomes_what_was_sent(gurux_push, meter_keys_file, security, shape, line_of):
    framing, *rest = SHAPES[shape]
    sink = Sink("tcp")
    keys = ("--keys", meter_keys_file) if security != "none" else ()
    (truth,) = gurux_push(
        *("--to", sink.address, "--framing", framing, *rest, "--security", security, *keys),
        *("--serial", 7, "--count", 1, "--start", "2026-07-01T12:00:00+02:00"),
    )
    assert sink.wait().hex().upper() == truth["hex"]
    answer = decode_line(line_of(truth, framing))
    assert (answer["outcome"], answer["reason"]) == ("readings", None), answer["message"]
    assert answer["protection"] == PROTECTIONS[security]
    assert _said(answer) == _sent(truth)
    stamps = {reading["measured_at"] for reading in answer["readings"]}
    assert len(stamps) == 1
    assert _instant(stamps.pop()) == _instant("2026-07-01T10:00:00+00:00")


@pytest.mark.parametrize("security", PROTECTIONS)
def test_a_datagram_is_a_push(gurux_push, meter_keys_file, security, line_of):
    sink = Sink("udp")
    keys = ("--keys", meter_keys_file) if security != "none" else ()
    (truth,) = gurux_push("--to", sink.address, "--transport", "udp", "--security", security, *keys, "--count", 1)
    assert sink.wait().hex().upper() == truth["hex"]
    assert _said(decode_line(line_of(truth, "wrapper"))) == _sent(truth)


def test_a_push_setup_list_names_the_values(gurux_push, line_of):
    """The first element is the push object list: no scaler or unit is said, so raw numbers are marked so."""
    sink = Sink("tcp")
    (truth,) = gurux_push("--to", sink.address, "--layout", "push-setup", "--count", 1)
    sink.wait()
    answer = decode_line(line_of(truth, "wrapper"))
    assert answer["outcome"] == "readings", answer["message"]
    said = {reading["obis"]: reading for reading in answer["readings"]}
    for reading in truth["readings"]:
        assert said[reading["obis"]]["unit"] is None
        assert said[reading["obis"]]["value"].isdigit()
        assert "SCALER_UNKNOWN" in said[reading["obis"]]["quality"]


@pytest.mark.parametrize(
    ("security", "reason"), [("authentication-encryption", "TAG_MISMATCH"), ("authentication", "TAG_MISMATCH")]
)
def test_a_changed_octet_is_found(gurux_push, meter_keys_file, security, reason, line_of):
    sink = Sink("tcp")
    (truth,) = gurux_push("--to", sink.address, "--security", security, "--keys", meter_keys_file, "--count", 1)
    octets = bytearray(sink.wait())
    octets[-20] ^= 1
    answer = decode_line({**line_of(truth, "wrapper"), "hex": octets.hex()})
    assert (answer["outcome"], answer["reason"], answer["readings"]) == ("rejected", reason, [])


def test_a_ciphered_push_without_its_key_waits(gurux_push, meter_keys_file):
    sink = Sink("tcp")
    (truth,) = gurux_push("--to", sink.address, "--security", "encryption", "--keys", meter_keys_file, "--count", 1)
    sink.wait()
    answer = decode_line({"id": "x", "hex": truth["hex"], "transport": "wrapper"})
    assert (answer["outcome"], answer["reason"]) == ("parked", "KEY_MISSING")


def test_counters_rise_and_stamps_step(gurux_push, meter_keys_file):
    sink = Sink("tcp")
    said = gurux_push(
        *("--to", sink.address, "--security", "authentication-encryption", "--keys", meter_keys_file, "--count", 3),
        *("--every", "0.05", "--start", "2026-07-01T12:00:00+02:00", "--counter", 41),
    )
    assert sink.wait().hex().upper() == "".join(truth["hex"] for truth in said)
    assert [truth["invocation_counter"] for truth in said] == [41, 42, 43]
    assert all(early["meter_time"] < late["meter_time"] for early, late in itertools.pairwise(said))


def _sent(truth):
    return {(item["obis"], item["value"], item["unit"]) for item in truth["readings"]} | {
        ("0.0.96.1.0.255", truth["serial"], None)
    }


def _said(answer):
    return {(item["obis"], item["value"], item["unit"]) for item in answer["readings"]}


def _instant(text):
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00"))
