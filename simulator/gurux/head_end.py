# SPDX-License-Identifier: GPL-2.0-only
"""An independent head-end: reads one meter over TCP with the gurux_dlms client and prints what it got as JSON lines.

First line {"association": ...}, then one line an object; {"error": ...} and exit code 1 when the meter cannot be read.
Runs as a process of its own; it shares no memory and no code with the gateway.
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import socket
import stat
import sys
import time
from pathlib import Path

from gurux_dlms import GXByteBuffer, GXDateTime, GXDLMSException, GXReplyData
from gurux_dlms.ecdsa import GXPrivateKey, GXPublicKey
from gurux_dlms.enums import Authentication, InterfaceType, ObjectType, Security
from gurux_dlms.objects import GXDLMSClock, GXDLMSData, GXDLMSProfileGeneric, GXDLMSRegister
from gurux_dlms.objects.enums import SecuritySuite
from gurux_dlms.secure import GXDLMSSecureClient

FRAMINGS = {"wrapper": InterfaceType.WRAPPER, "hdlc": InterfaceType.HDLC}
AUTHENTICATIONS = {
    "none": Authentication.NONE,
    "lls": Authentication.LOW,
    "hls-md5": Authentication.HIGH_MD5,
    "hls-sha1": Authentication.HIGH_SHA1,
    "hls-gmac": Authentication.HIGH_GMAC,
    "hls-sha256": Authentication.HIGH_SHA256,
    "hls-ecdsa": Authentication.HIGH_ECDSA,
}
SECURITIES = {
    "none": Security.NONE,
    "authentication": Security.AUTHENTICATION,
    "encryption": Security.ENCRYPTION,
    "authentication-encryption": Security.AUTHENTICATION_ENCRYPTION,
}


def secrets_of(path: str) -> dict[str, str]:
    """Secrets of a JSON file (see --secrets); others must have no access to it."""
    if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise SystemExit(f"{path}: others can read the keys; chmod 600 {path}")
    return json.loads(Path(path).read_text())


def plain(value: object) -> object:
    """`value` as JSON: octets in hex, times in ISO 8601, structures as lists."""
    if isinstance(value, GXDateTime):
        return value.value.isoformat() if value.value is not None else None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex().upper()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


class HeadEnd:
    """One association with one meter."""

    def __init__(self, options: argparse.Namespace) -> None:
        secrets = secrets_of(options.secrets) if options.secrets else {}
        self.authentication = options.auth
        security = SECURITIES[options.security or ("authentication-encryption" if options.auth == "hls-gmac" else "none")]
        server = options.server
        if options.physical is not None:
            server = GXDLMSSecureClient.getServerAddress(options.server, options.physical)
        self.client = GXDLMSSecureClient(
            True, options.client, server, AUTHENTICATIONS[options.auth], secrets.get("password"), FRAMINGS[options.framing]
        )
        ciphering = self.client.ciphering
        ciphering.systemTitle = bytes.fromhex(secrets.get("client_system_title", "4752584845303031"))
        ciphering.securitySuite = SecuritySuite(options.suite)
        if options.auth == "hls-ecdsa":
            # The meter's public key, and our private one; a public key has the octet of an uncompressed point in front.
            ciphering.signingKeyPair = (
                GXPublicKey.fromRawBytes(b"\x04" + bytes.fromhex(secrets["server_signing_key"])),
                GXPrivateKey.fromRawBytes(bytes.fromhex(secrets["signing_key"])),
            )
        if security:
            ciphering.security = security
            if options.dedicated:
                ciphering.dedicatedKey = os.urandom(len(secrets["guek"]) // 2)
            ciphering.blockCipherKey = bytes.fromhex(secrets["guek"])
            ciphering.authenticationKey = bytes.fromhex(secrets["gak"])
            ciphering.invocationCounter = options.counter
        host, _, port = options.meter.rpartition(":")
        self.sock = socket.create_connection((host.strip("[]"), int(port)), timeout=options.timeout)
        self.received = GXByteBuffer()

    def exchange(self, request: object, reply: GXReplyData) -> None:
        """Send one request, all blocks of the answer into `reply`."""
        for frame in request if isinstance(request, list) else [request]:
            reply.clear()
            self._frame(frame, reply)
            while reply.isMoreData():
                self._frame(None if reply.isStreaming() else self.client.receiverReady(reply), reply)

    def _frame(self, frame: bytes | None, reply: GXReplyData) -> None:
        if frame:
            self.sock.sendall(frame)
        self.received.clear()
        reply.error = 0
        while not self.client.getData(self.received, reply, GXReplyData()):
            octets = self.sock.recv(65536)
            if not octets:
                raise ConnectionError("the meter closed the connection")
            self.received.set(octets)
        if reply.error:
            raise GXDLMSException(reply.error)

    def associate(self) -> dict[str, object]:
        reply = GXReplyData()
        request = self.client.snrmRequest()
        if request:
            self.exchange(request, reply)
            self.client.parseUAResponse(reply.data)
        reply = GXReplyData()
        self.exchange(self.client.aarqRequest(), reply)
        self.client.parseAareResponse(reply.data)
        if self.client.getIsAuthenticationRequired():
            reply = GXReplyData()
            self.exchange(self.client.getApplicationAssociationRequest(), reply)
            self.client.parseApplicationAssociationResponse(reply.data)
        title = self.client.sourceSystemTitle
        return {
            "authentication": self.authentication,
            "server_system_title": bytes(title).hex().upper() if title else None,
            "max_pdu_size": self.client.maxReceivePDUSize,
            "conformance": f"{int(self.client.negotiatedConformance):06X}",
        }

    def release(self) -> None:
        """Leave politely; a meter that hangs up first is as good."""
        with contextlib.suppress(OSError, GXDLMSException, ValueError):
            reply = GXReplyData()
            request = self.client.releaseRequest()
            if request:
                self.exchange(request, reply)
            reply = GXReplyData()
            request = self.client.disconnectRequest()
            if request:
                self.exchange(request, reply)
        self.sock.close()

    def get(self, item: object, attribute: int) -> object:
        """The value of one attribute as it was sent, and kept in `item`."""
        reply = GXReplyData()
        self.exchange(self.client.read(item, attribute)[0], reply)
        self.client.updateValue(item, attribute, reply.value)
        return reply.value

    def objects(self) -> dict[str, object]:
        """Every (class, OBIS) of the association's object list."""
        reply = GXReplyData()
        self.exchange(self.client.getObjectsRequest(), reply)
        found = self.client.parseObjects(reply.data, False, False)
        return {"objects": [[int(item.objectType), item.logicalName] for item in found]}

    def register(self, obis: str) -> dict[str, object]:
        item = GXDLMSRegister(obis)
        raw = self.get(item, 2)
        scaler, unit = self.get(item, 3)
        return {"class": int(ObjectType.REGISTER), "obis": obis, "raw": plain(raw), "scaler": int(scaler), "unit": int(unit)}

    def data(self, obis: str) -> dict[str, object]:
        return {"class": int(ObjectType.DATA), "obis": obis, "value": plain(self.get(GXDLMSData(obis), 2))}

    def clock(self, obis: str) -> dict[str, object]:
        item = GXDLMSClock(obis)
        self.get(item, 2)
        return {"class": int(ObjectType.CLOCK), "obis": obis, "time": plain(item.time)}

    def profile(self, obis: str, start: dt.datetime, end: dt.datetime) -> dict[str, object]:
        """Capture objects, period, and the rows stamped from `start` to `end`, both included."""
        item = GXDLMSProfileGeneric(obis)
        self.get(item, 3)
        period = self.get(item, 4)
        reply = GXReplyData()
        self.exchange(self.client.readRowsByRange(item, GXDateTime(start), GXDateTime(end)), reply)
        self.client.updateValue(item, 2, reply.value)
        return {
            "class": int(ObjectType.PROFILE_GENERIC),
            "obis": obis,
            "period_s": int(period),
            "columns": [
                [int(column.objectType), column.logicalName, capture.attributeIndex] for column, capture in item.captureObjects
            ],
            "rows": plain(item.buffer),
        }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meter", metavar="HOST:PORT")
    parser.add_argument("--framing", choices=FRAMINGS, default="wrapper")
    parser.add_argument("--auth", choices=AUTHENTICATIONS, default="none")
    parser.add_argument("--security", choices=SECURITIES, help="of the APDUs; default authentication-encryption with hls-gmac, else none")
    parser.add_argument("--secrets", metavar="FILE", help='JSON {"password", "guek", "gak", "client_system_title", "signing_key", "server_signing_key"}, mode 600')
    parser.add_argument("--suite", type=int, choices=[0, 1, 2], default=0, help="security suite")
    parser.add_argument("--dedicated", action="store_true", help="bring the meter a dedicated key; needs --security")
    parser.add_argument("--client", type=int, default=16)
    parser.add_argument("--server", type=int, default=1, help="logical device")
    parser.add_argument("--physical", type=int, help="physical HDLC address")
    parser.add_argument("--counter", type=int, default=int(time.time()), help="first invocation counter")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S")
    parser.add_argument("--objects", action="store_true", help="print the association's object list")
    parser.add_argument("--data", action="append", default=[], metavar="OBIS")
    parser.add_argument("--register", action="append", default=[], metavar="OBIS")
    parser.add_argument("--clock", action="append", default=[], metavar="OBIS")
    parser.add_argument("--profile", action="append", default=[], metavar="OBIS")
    parser.add_argument("--from", dest="start", type=dt.datetime.fromisoformat, metavar="ISO-8601")
    parser.add_argument("--to", dest="end", type=dt.datetime.fromisoformat, metavar="ISO-8601")
    options = parser.parse_args()
    if options.profile and not (options.start and options.end):
        parser.error("--profile needs --from and --to")
    return options


def main() -> int:
    options = arguments()
    lines = sys.stdout

    def say(line: dict[str, object]) -> None:
        print(json.dumps(line), file=lines, flush=True)

    # The library remarks on ciphering on stdout; that belongs to our JSON lines alone.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            head_end = HeadEnd(options)
            try:
                say({"association": head_end.associate()})
                if options.objects:
                    say(head_end.objects())
                for obis in options.data:
                    say(head_end.data(obis))
                for obis in options.register:
                    say(head_end.register(obis))
                for obis in options.clock:
                    say(head_end.clock(obis))
                for obis in options.profile:
                    say(head_end.profile(obis, options.start, options.end))
            finally:
                head_end.release()
        except (OSError, GXDLMSException, ValueError) as error:
            say({"error": type(error).__name__, "message": str(error)})
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
