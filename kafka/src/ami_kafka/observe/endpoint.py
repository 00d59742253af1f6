"""The page over HTTP: `/metrics` for Prometheus, `/healthz` for who restarts processes, `/health` for people."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Protocol

from ami_kafka.errors import AddressUnusable

_UNIX: Final = "unix:"
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_JSON: Final = "application/json"


class Observed(Protocol):
    """Who answers."""

    def metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format."""

    def page(self) -> dict[str, Any]:
        """Return the health page, with `healthy`."""


class Address(NamedTuple):
    """Where to listen: a host and a port (0: any), or the path of a socket."""

    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `PORT`, `HOST:PORT`, `[HOST]:PORT` or `unix:PATH`; without a host it is 127.0.0.1.

        Raises AddressUnusable.
        """
        if text.startswith(_UNIX) and len(text) > len(_UNIX):
            return cls("", 0, text[len(_UNIX) :])
        host, _, port = text.rpartition(":")
        if not port.isdecimal() or int(port) > 0xFFFF:
            raise AddressUnusable(f"'{text}' is no address to serve metrics at", "write PORT or HOST:PORT")
        return cls(host.strip("[]") or "127.0.0.1", int(port))


@contextmanager
def serve(address: Address, observed: Observed) -> Iterator[str]:
    """Serve for as long as the block lasts; give where, as text. Raises AddressUnusable where that cannot be."""
    try:
        server = _server(address, observed)
    except OSError as error:
        where = address.path or f"{address.host}:{address.port}"
        raise AddressUnusable(f"Nothing can be served at {where} ({error.strerror})", "name another address") from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
    thread.start()
    try:
        yield address.path or "http://{}:{}".format(*server.server_address[:2])
    finally:
        server.shutdown()
        server.server_close()
        if address.path:
            with suppress(OSError):
                os.unlink(address.path)  # noqa: PTH108  a socket


def _server(address: Address, observed: Observed) -> ThreadingHTTPServer:
    handler = _handler(observed)
    if address.path:
        return _UnixServer(address.path, handler)  # type: ignore[arg-type]
    if ":" in address.host:
        return _SixServer((address.host, address.port), handler)
    return _Server((address.host, address.port), handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _SixServer(_Server):
    address_family = socket.AF_INET6


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)


def _handler(observed: Observed) -> type[BaseHTTPRequestHandler]:
    def metrics() -> tuple[int, str, bytes]:
        return 200, _TEXT, observed.metrics()

    def healthz() -> tuple[int, str, bytes]:
        page = observed.page()
        told = "ok" if page["healthy"] else page["reason"] or "no progress"
        return 200 if page["healthy"] else 503, "text/plain; charset=utf-8", f"{told}\n".encode()

    def health() -> tuple[int, str, bytes]:
        return 200, _JSON, json.dumps(observed.page(), indent=2).encode() + b"\n"

    pages: dict[str, Callable[[], tuple[int, str, bytes]]] = {
        "/metrics": metrics,
        "/healthz": healthz,
        "/health": health,
    }

    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0
        server_version = "ami"

        def do_GET(self) -> None:
            make = pages.get(self.path.partition("?")[0])
            status, kind, body = make() if make else (404, _TEXT, b"/metrics, /healthz or /health\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "local"

        def log_message(self, *_arguments: object) -> None:
            """Log nothing: it is asked every few seconds."""

    return Handler
