"""Metrics and health over HTTP, on this machine unless told otherwise."""

import http.client
import json
import socket
import urllib.error
import urllib.request

import pytest

from ami_kafka.errors import AddressUnusable
from ami_kafka.observe.endpoint import Address, serve

pytestmark = pytest.mark.wire


class Patient:
    healthy = True

    def metrics(self):
        return b"ami_normalize_healthy 1\n"

    def page(self):
        return {"healthy": self.healthy, "reason": None if self.healthy else "the disk is full"}


@pytest.fixture
def patient():
    return Patient()


def get(at, path):
    try:
        with urllib.request.urlopen(at + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_health_and_nothing_else(patient):
    with serve(Address.parse("0"), patient) as at:
        assert at.startswith("http://127.0.0.1:")
        assert get(at, "/metrics") == (200, "ami_normalize_healthy 1\n")
        assert get(at, "/healthz") == (200, "ok\n")
        assert get(at, "/")[0] == get(at, "/../etc/passwd")[0] == 404
        patient.healthy = False
        assert get(at, "/healthz") == (503, "the disk is full\n")
        status, page = get(at, "/health")
        assert (status, json.loads(page)) == (200, {"healthy": False, "reason": "the disk is full"})


def test_a_socket_in_the_file_system(patient, tmp_path):
    path = tmp_path / "w.sock"
    with serve(Address.parse(f"unix:{path}"), patient):
        connection = http.client.HTTPConnection("worker")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(path))
        connection.request("GET", "/metrics")
        assert connection.getresponse().read() == b"ami_normalize_healthy 1\n"
        connection.close()
    assert not path.exists()


def test_a_taken_address_is_one_sentence(patient):
    with serve(Address.parse("0"), patient) as at:
        again = serve(Address.parse(at.removeprefix("http://")), patient)
        with pytest.raises(AddressUnusable, match=r"in use.*; name another"):
            again.__enter__()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", Address("127.0.0.1", 9464)),
        ("0.0.0.0:9464", Address("0.0.0.0", 9464)),
        ("[::1]:9464", Address("::1", 9464)),
        ("unix:/run/a.sock", Address("", 0, "/run/a.sock")),
    ],
)
def test_addresses(text, address):
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "host:http", "70000", "unix:"])
def test_what_is_no_address(text):
    with pytest.raises(AddressUnusable, match="no address"):
        Address.parse(text)
