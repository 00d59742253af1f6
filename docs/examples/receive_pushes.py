"""Print what meters push: python receive_pushes.py HOST:PORT KEYS.json [COUNT].

KEYS.json is {"<system title, hex>": {"guek": hex, "gak": hex}}; keep it readable to its owner alone. Ends after COUNT
messages.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from ami_dlms import apdu
from ami_dlms.errors import DlmsError
from ami_dlms.framing import Assembler
from ami_dlms.security import KeyProvider, Keys, KeyStore, unprotect


def opened(octets: bytes, keys: KeyProvider) -> apdu.Apdu:
    """Return an APDU, deciphered if it is ciphered; the tag is verified before anything looks inside."""
    received = apdu.decode(octets)
    if isinstance(received, apdu.GeneralGloCiphering | apdu.GeneralCiphering):
        return apdu.decode(unprotect(received, keys).plaintext)
    return received


def messages(listening: socket.socket) -> Iterator[bytes]:
    """Yield the APDUs of one connection after the other, of whatever framing."""
    while True:
        connection, _ = listening.accept()
        assembler = Assembler()
        with connection:
            while data := connection.recv(65536):
                for message in assembler.receive(data):
                    yield from message.apdus


def main(address: str, keys_file: str, count: str = "0") -> int:
    """Listen until `count` messages came; 0 means for ever."""
    host, _, port = address.rpartition(":")
    entries = json.loads(Path(keys_file).read_text())
    partners = {bytes.fromhex(t): Keys(bytes.fromhex(k["guek"]), bytes.fromhex(k["gak"])) for t, k in entries.items()}
    keys = KeyStore(partners)
    with socket.create_server((host, int(port))) as listening:
        print("listening", listening.getsockname()[1], flush=True)
        for number, octets in enumerate(messages(listening), 1):
            try:
                print(opened(octets, keys), flush=True)
            except DlmsError as error:
                print(error.reason, error, flush=True)
            if number == int(count):
                break
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
