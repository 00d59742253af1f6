"""Pushes of a virtual meter: data-notifications that say of each value what it is and in which unit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from ami_dlms import axdr
from ami_dlms.apdu import DataAccessResult, DataNotification
from ami_dlms.axdr import Data
from ami_dlms.cosem import CosemObject
from ami_dlms.cosem.classes import scaler_unit_attribute
from ami_dlms.framing import wrapper
from ami_dlms.security import Form, Keys, Protection, protect
from ami_simulator.meter import SERIAL, VirtualMeter

PUSH_CLIENT = 103
"""Client SAP that pushes are addressed to."""
SERVER = 1
INVOKE_IDS = 1 << 24
RETRY_S = 1.0


class Transport(str, Enum):
    """What carries a push."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class PushSettings:
    """Where a meter pushes to, and how."""

    host: str
    port: int
    transport: Transport = Transport.TCP
    protection: Protection = Protection.NONE
    keys: Keys | None = None
    every_s: float = 15.0
    suite: int = 0
    objects: tuple[bytes, ...] = field(default=())
    """Logical names to push after the serial number; none means all registers."""


class PushComposer:
    """Makes the APDUs of one meter's pushes; their ids follow each other."""

    def __init__(self, meter: VirtualMeter, settings: PushSettings) -> None:
        self._meter, self._settings = meter, settings
        self._sequence = 0

    def next(self) -> bytes:
        """Return the next push, protected as the settings say, without framing."""
        self._sequence = self._sequence % (INVOKE_IDS - 1) + 1
        apdu = DataNotification(
            self._sequence, self._meter.clock().to_bytes(), push_body(self._meter, self._settings.objects)
        ).to_bytes()
        settings = self._settings
        if settings.protection is Protection.NONE:
            return apdu
        if settings.keys is None:
            raise ValueError("A protected push needs keys.")
        return protect(
            apdu,
            keys=settings.keys,
            system_title=self._meter.system_title,
            invocation_counter=self._meter.counters.sent.next(),
            protection=settings.protection,
            suite=settings.suite,
            form=Form.GENERAL_GLO,
        )


def push_body(meter: VirtualMeter, names: Sequence[bytes] = ()) -> Data:
    """Return what a push says: the serial number and then the named objects, or all registers."""
    pushed = (
        [meter.device.objects[name] for name in (SERIAL, *names)]
        if names
        else [meter.device.objects[SERIAL], *meter.registers()]
    )
    return axdr.structure(*map(_element, pushed))


def _element(item: CosemObject) -> Data:
    """Return {logical name, value, {scaler, unit}}; without the last where the class has none."""
    value = item.read(2)
    if isinstance(value, DataAccessResult):
        raise ValueError(f"The object cannot be pushed: {value.name}.")  # noqa: TRY004  # its value, not its type
    holder = scaler_unit_attribute(item.class_id, 2)
    scaler_unit = None if holder is None else item.read(holder)
    parts = [axdr.octets(item.logical_name), value]
    if isinstance(scaler_unit, Data):
        parts.append(scaler_unit)
    return axdr.structure(*parts)


class Pusher:
    """Pushes at an interval until it is stopped; while nobody listens it tries again, and what was not sent is gone."""

    def __init__(self, meter: VirtualMeter, settings: PushSettings) -> None:
        self.settings = settings
        self.sent = 0
        """Pushes handed to the transport so far."""
        self._composer = PushComposer(meter, settings)
        self._writer: asyncio.StreamWriter | None = None

    async def push(self) -> bytes:
        """Send one push now and return its octets; raises OSError if nobody takes it."""
        octets = wrapper.encode(self._composer.next(), SERVER, PUSH_CLIENT)
        if self.settings.transport is Transport.UDP:
            await self._send_datagram(octets)
        else:
            await self._send_stream(octets)
        self.sent += 1
        return octets

    async def run(self, stop: asyncio.Event) -> None:
        """Push every `every_s` seconds, the first time at once, until `stop` is set."""
        try:
            while not stop.is_set():
                try:
                    await self.push()
                    pause = self.settings.every_s
                except OSError:
                    await self._disconnect()
                    pause = min(RETRY_S, self.settings.every_s)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._disconnect()

    async def _send_datagram(self, octets: bytes) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(self.settings.host, self.settings.port)
        )
        transport.sendto(octets)
        transport.close()

    async def _send_stream(self, octets: bytes) -> None:
        if self._writer is None or self._writer.is_closing():
            _, self._writer = await asyncio.open_connection(self.settings.host, self.settings.port)
        self._writer.write(octets)
        await self._writer.drain()

    async def _disconnect(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
