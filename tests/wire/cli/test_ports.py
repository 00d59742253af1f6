"""The demo takes the registered port where it is free, and any other where it is not."""

import socket
from contextlib import suppress

import pytest

from ami_cli.demo.stage import free_port

pytestmark = pytest.mark.wire


def test_a_taken_port_is_passed_over():
    with socket.socket() as taken, socket.socket(type=socket.SOCK_DGRAM) as also:
        with suppress(OSError):  # somebody else may hold it already
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", 4059))
            taken.listen()
            also.bind(("127.0.0.1", 4059))
        port = free_port()

        assert port != 4059
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
