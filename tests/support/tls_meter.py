"""A virtual meter behind TLS as OpenSSL itself speaks it: it says why it refuses, where asyncio just hangs up."""

import contextlib
import socket
import threading

from ami_dlms.server import Server, ServerSettings
from ami_simulator.meter import VirtualMeter


@contextlib.contextmanager
def served_over_tls(context, serial=21):
    """Serve one connection after another by a thread; give the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        meter = VirtualMeter(serial)
        while not ended.is_set():
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    server = Server(ServerSettings(), meter.device)
                    while data := wrapped.recv(65536):
                        wrapped.sendall(server.receive(data))

    thread = threading.Thread(target=serve)
    thread.start()
    port = listening.getsockname()[1]
    try:
        yield port
    finally:
        ended.set()
        socket.create_connection(("127.0.0.1", port), 10).close()  # it waits for one
        thread.join(20)
        listening.close()
