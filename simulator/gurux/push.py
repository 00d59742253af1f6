# SPDX-License-Identifier: GPL-2.0-only
"""A meter that pushes: DataNotifications made by gurux_dlms, sent over TCP or UDP.

Prints one JSON line for each push on stdout, after it was sent: what a head-end must make of it, as ground truth.
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

from gurux_dlms import GXByteBuffer, GXDateTime
from gurux_dlms.enums import Conformance, DataType, InterfaceType, Security, Unit
from gurux_dlms.objects import GXDLMSCaptureObject, GXDLMSData, GXDLMSPushSetup, GXDLMSRegister
from gurux_dlms.secure import GXDLMSSecureNotify

FRAMINGS = {"wrapper": InterfaceType.WRAPPER, "hdlc": InterfaceType.HDLC}
SECURITIES = {
    "none": Security.NONE,
    "authentication": Security.AUTHENTICATION,
    "encryption": Security.ENCRYPTION,
    "authentication-encryption": Security.AUTHENTICATION_ENCRYPTION,
}
STRUCTURE = 2
NO_UNIT = bytes((STRUCTURE, 2, DataType.INT8, 0, DataType.ENUM, 255))
"""A-XDR of scaler_unit {0, 255}, for objects that have no such attribute."""

EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)

REGISTERS = (
    # OBIS, raw type, scaler, unit, symbol, raw value of (serial, whole seconds since EPOCH)
    ("1.0.1.8.0.255", DataType.UINT32, 0, Unit.ACTIVE_ENERGY, "Wh", lambda n, t: 1_000_000 + n * 10_000 + t // 4),
    ("1.0.2.8.0.255", DataType.UINT32, 0, Unit.ACTIVE_ENERGY, "Wh", lambda n, t: 20_000 + n * 100 + t // 90),
    ("1.0.3.8.0.255", DataType.UINT32, 1, Unit.REACTIVE_ENERGY, "varh", lambda n, t: 5_000 + n * 10 + t // 300),
    ("1.0.1.7.0.255", DataType.UINT32, -1, Unit.ACTIVE_POWER, "W", lambda n, t: 4_000 + (n * 37 + t) % 9_000),
    ("1.0.2.7.0.255", DataType.UINT32, -1, Unit.ACTIVE_POWER, "W", lambda n, t: (n * 13 + t) % 500),
    ("1.0.32.7.0.255", DataType.UINT16, -1, Unit.VOLTAGE, "V", lambda n, t: 2_280 + (n * 7 + t) % 60),
    ("1.0.52.7.0.255", DataType.UINT16, -1, Unit.VOLTAGE, "V", lambda n, t: 2_285 + (n * 5 + t) % 60),
    ("1.0.72.7.0.255", DataType.UINT16, -1, Unit.VOLTAGE, "V", lambda n, t: 2_275 + (n * 3 + t) % 60),
    ("1.0.31.7.0.255", DataType.INT16, -2, Unit.CURRENT, "A", lambda n, t: 100 + (n * 11 + t) % 900),
    ("1.0.14.7.0.255", DataType.UINT16, -2, Unit.FREQUENCY, "Hz", lambda n, t: 4_995 + (n + t) % 11),
)


def keys_of(path: str) -> dict[str, bytes]:
    """Keys of a JSON file {"guek", "gak"[, "system_title"]}; others must have no access to it."""
    if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise SystemExit(f"{path}: others can read the keys; chmod 600 {path}")
    content = json.loads(Path(path).read_text())
    return {name: bytes.fromhex(content[name]) for name in ("guek", "gak", "system_title") if content.get(name)}


def decimal(raw: int, scaler: int) -> str:
    """raw * 10^scaler as a decimal string that keeps the scale's zeros."""
    if scaler >= 0:
        return str(raw * 10**scaler)
    digits = str(raw).rjust(-scaler + 1, "0")
    return f"{digits[:scaler]}.{digits[scaler:]}"


class Meter:
    """One pushing meter: its objects, its counter, its keys."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.serial = options.serial
        self.layout = options.layout
        self.title = bytes.fromhex(options.system_title) if options.system_title else b"GRX" + self.serial.to_bytes(5, "big")
        self.options = options
        self.keys: dict[str, bytes] = {}
        if SECURITIES[options.security]:
            if not options.keys:
                raise SystemExit(f"--security {options.security} needs --keys FILE")
            self.keys = keys_of(options.keys)
            self.title = self.keys.get("system_title", self.title)
        self.counter = options.counter
        self.notify = self._notify()
        self.identity = GXDLMSData("0.0.96.1.0.255")
        self.identity.value = f"GRX{self.serial:08d}"
        self.identity.setDataType(2, DataType.STRING)
        self.registers = []
        for obis, kind, scaler, unit, symbol, raw in REGISTERS:
            register = GXDLMSRegister(obis)
            register.unit = unit
            register.setDataType(2, kind)
            self.registers.append((register, scaler, symbol, raw))
        self.setup = GXDLMSPushSetup()
        self.setup.pushObjectList.append((self.setup, GXDLMSCaptureObject(2, 0)))
        self.setup.pushObjectList.append((self.identity, GXDLMSCaptureObject(2, 0)))
        for register, *_ in self.registers:
            self.setup.pushObjectList.append((register, GXDLMSCaptureObject(2, 0)))

    def _notify(self) -> GXDLMSSecureNotify:
        """A notifier of its own for each push: one that is kept numbers blocks on and on."""
        options = self.options
        notify = GXDLMSSecureNotify(True, options.client, options.server, FRAMINGS[options.framing])
        notify.maxReceivePDUSize = options.max_pdu
        notify.hdlcSettings.maxInfoTX = options.max_info
        # Without it the library refuses a message of several HDLC segments too.
        notify.conformance |= Conformance.GENERAL_BLOCK_TRANSFER
        notify.ciphering.security = SECURITIES[options.security]
        notify.ciphering.systemTitle = self.title
        if self.keys:
            notify.ciphering.blockCipherKey = self.keys["guek"]
            if "gak" in self.keys:
                notify.ciphering.authenticationKey = self.keys["gak"]
            notify.ciphering.invocationCounter = self.counter
        return notify

    def push(self, at: dt.datetime) -> tuple[list[bytes], dict[str, object]]:
        """The frames of one push stamped `at`, and what it says."""
        readings: list[dict[str, str]] = []
        for register, scaler, symbol, raw in self.registers:
            mantissa = raw(self.serial, int((at - EPOCH).total_seconds()))
            register.value = mantissa  # the library's own scaler stays 1, so the raw value is sent
            readings.append({"obis": register.logicalName, "value": decimal(mantissa, scaler), "unit": symbol})
        self.notify = self._notify()
        stamp = GXDateTime(at)
        if self.layout == "push-setup":
            frames = self.notify.generatePushSetupMessages(stamp, self.setup)
        else:
            frames = self.notify.generateDataNotificationMessages(stamp, self._self_describing())
        truth: dict[str, object] = {
            "serial": self.identity.value,
            "system_title": self.title.hex().upper(),
            "security": self.notify.ciphering.security.name.lower().replace("_", "-"),
            "meter_time": at.isoformat(),
            "readings": readings,
        }
        if self.notify.ciphering.security:
            truth["invocation_counter"] = self.counter
            self.counter = self.notify.ciphering.invocationCounter
        frames = [bytes(frame) for frame in frames]
        truth["hex"] = b"".join(frames).hex().upper()
        return frames, truth

    def _self_describing(self) -> GXByteBuffer:
        """A structure of {logical_name, value, {scaler, unit}}, so that the message needs no other to be read."""
        body = GXByteBuffer()
        body.setUInt8(STRUCTURE)
        body.setUInt8(1 + len(self.registers))
        body.set(bytes((STRUCTURE, 3)))
        self.notify.addData(self.identity, 1, body)
        self.notify.addData(self.identity, 2, body)
        body.set(NO_UNIT)
        for register, scaler, _, _ in self.registers:
            body.set(bytes((STRUCTURE, 3)))
            self.notify.addData(register, 1, body)
            self.notify.addData(register, 2, body)
            body.set(bytes((STRUCTURE, 2, DataType.INT8, scaler & 0xFF, DataType.ENUM, int(register.unit))))
        return body


class Destination:
    """HOST:PORT over TCP (one connection, opened again when lost) or UDP (a datagram a push)."""

    def __init__(self, transport: str, address: str, patience: float) -> None:
        host, _, port = address.rpartition(":")
        self.address = (host.strip("[]"), int(port))
        self.transport = transport
        self.patience = patience
        self.sock: socket.socket | None = None

    def send(self, frames: list[bytes]) -> None:
        """Send the frames of one push; tries again until `patience` seconds have passed."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                if self.sock is None:
                    self.sock = self._open()
                self.sock.sendall(b"".join(frames))
            except OSError as error:
                self.close()
                if time.monotonic() > deadline:
                    raise SystemExit(f"{self.address[0]}:{self.address[1]}: {error.strerror or error}") from None
                time.sleep(0.2)
            else:
                return

    def _open(self) -> socket.socket:
        if self.transport == "tcp":
            return socket.create_connection(self.address, timeout=5)
        family, kind, protocol, _, where = socket.getaddrinfo(*self.address, type=socket.SOCK_DGRAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.connect(where)
        return sock

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--framing", choices=FRAMINGS, default="wrapper")
    parser.add_argument("--security", choices=SECURITIES, default="none")
    parser.add_argument("--keys", metavar="FILE", help='JSON {"guek", "gak"[, "system_title"]}, mode 600')
    parser.add_argument("--system-title", metavar="HEX", help="16 hex digits; default GRX and the serial number")
    parser.add_argument("--layout", choices=("self-describing", "push-setup"), default="self-describing",
                        help="self-describing: {OBIS, value, {scaler, unit}} each; push-setup: the push object list, then its values")
    parser.add_argument("--serial", type=int, default=1)
    parser.add_argument("--client", type=int, default=1, help="client address of the frames")
    parser.add_argument("--server", type=int, default=1, help="server address of the frames")
    parser.add_argument("--max-info", type=int, default=128, help="octets of an HDLC information field; longer messages are segmented")
    parser.add_argument("--max-pdu", type=int, default=0xFFFF, help="octets of an APDU; longer ones go by general block transfer")
    parser.add_argument("--counter", type=int, default=int(time.time()),
                        help="first invocation counter; the default, Unix time, never comes twice at one push a second or fewer")
    parser.add_argument("--every", type=float, default=15.0, metavar="S", help="seconds between pushes")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="pushes before it ends; 0: for ever")
    parser.add_argument("--start", metavar="ISO-8601", type=dt.datetime.fromisoformat,
                        help="stamp of the first push, with its offset; the next ones follow in steps of --every; default: the clock")
    parser.add_argument("--patience", type=float, default=30.0, metavar="S", help="how long to try again while nobody listens")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    meter = Meter(options)
    destination = Destination(options.transport, options.to, options.patience)
    sent = 0
    try:
        while not options.count or sent < options.count:
            if sent:
                time.sleep(options.every)
            if options.start:
                at = options.start + dt.timedelta(seconds=sent * options.every)
            else:
                at = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
            # The library remarks on ciphering on stdout; that belongs to our JSON lines alone.
            with contextlib.redirect_stdout(sys.stderr):
                frames, truth = meter.push(at)
            destination.send(frames)
            print(json.dumps(truth), flush=True)
            sent += 1
    except KeyboardInterrupt:
        pass
    finally:
        destination.close()


if __name__ == "__main__":
    main()
