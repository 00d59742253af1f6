"""A virtual meter: what it measures, as COSEM objects. Values depend on the seed and the time only."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from ami_dlms import axdr
from ami_dlms.axdr import Data
from ami_dlms.cosem import (
    Clock,
    CosemObject,
    DataObject,
    InvocationCounters,
    LogicalDevice,
    ProfileGeneric,
    PushSetup,
    Register,
    Row,
    SecuritySetup,
)
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.obis import parse_obis
from ami_dlms.selective import CLOCK_TIME, CaptureObject
from ami_simulator.load_profile import CAPACITY, PERIOD_S, RowCache, Rows
from ami_simulator.signals import load, ripple

MANUFACTURER = b"AMV"
"""Our virtual manufacturer's FLAG letters."""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
CET_MINUTES = -60

WATT, VAR, WATT_HOUR, VAR_HOUR, AMPERE, VOLT, HERTZ = 27, 29, 30, 32, 33, 35, 44
PROFILE_STATUS = parse_obis("0.0.96.10.1.255")
SERIAL = parse_obis("0.0.96.1.0.255")
LOAD_PROFILE = parse_obis("1.0.99.1.0.255")
IMPORT, EXPORT, REACTIVE = (parse_obis(text) for text in ("1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.3.8.0.255"))
PHASES = ((32, 31), (52, 51), (72, 71))
"""Value groups C of voltage and current, one pair a phase."""


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(timezone.utc)


def default_system_title(serial: int) -> bytes:
    """Return a system title: our manufacturer and the serial number."""
    return MANUFACTURER + serial.to_bytes(5, "big")


class VirtualMeter:
    """A three-phase meter with import and export, installed 40 days before `installed_before`.

    Several may live in one process: nothing is shared.
    """

    def __init__(
        self,
        serial: int = 1,
        *,
        seed: int | None = None,
        now: Callable[[], datetime] = utc_now,
        deviation: int = CET_MINUTES,
        system_title: bytes | None = None,
        counters: InvocationCounters | None = None,
        suite: int = 0,
        policy: int = 0,
    ) -> None:
        """`now` returns aware time; `deviation` is minutes from local to UTC; `seed` defaults to the serial number."""
        self.serial = serial
        self.system_title = system_title or default_system_title(serial)
        self.counters = counters or InvocationCounters()
        self._now, self._deviation = now, deviation
        self._zone = timezone(timedelta(minutes=-deviation))
        self._correction = timedelta()
        generator = random.Random(serial if seed is None else seed)  # noqa: S311  # values, not secrets
        installed = 1_735_689_600.0  # 2025-01-01, the same for all runs
        self._import = load(generator, 800.0, installed=installed)
        self._export = load(generator, 150.0, installed=installed)
        self._reactive = load(generator, 200.0, installed=installed)
        self._phases = tuple(generator.uniform(0, math.tau) for _ in range(4))
        self._rows = RowCache(self._row)
        self.device = LogicalDevice(
            MANUFACTURER + f"{serial:013d}".encode("ascii"),
            self._objects(suite, policy),
            public=(CLOCK_TIME.obis, SERIAL),
            counters=self.counters,
        )

    def now(self) -> datetime:
        """Return the meter's clock, in its zone, to the second."""
        return (self._now() + self._correction).astimezone(self._zone).replace(microsecond=0)

    def clock(self) -> CosemDateTime:
        """Return the meter's clock as COSEM has it."""
        return self.stamp(self.now())

    def stamp(self, instant: datetime) -> CosemDateTime:
        """Return an instant in the meter's local time, its clock status good."""
        return CosemDateTime.from_datetime(instant.astimezone(self._zone))

    def register(self, obis: bytes) -> Register:
        """Return one of the meter's registers."""
        found = self.device.objects[obis]
        if not isinstance(found, Register):
            raise TypeError(f"{found.class_id} is not the class of a register")
        return found

    def registers(self) -> tuple[Register, ...]:
        """Return all registers, in the order of the object list."""
        return tuple(item for item in self.device.objects.values() if isinstance(item, Register))

    def _objects(self, suite: int, policy: int) -> list[CosemObject]:
        registers = self._registers()
        columns = (
            CLOCK_TIME,
            CaptureObject(1, PROFILE_STATUS),
            CaptureObject(3, IMPORT),
            CaptureObject(3, EXPORT),
        )
        return [
            Clock(self.clock, deviation=self._deviation, set_time=self._set_time),
            DataObject(SERIAL, axdr.octets(f"{self.serial:08d}".encode("ascii"))),
            DataObject(PROFILE_STATUS, axdr.uint8(0)),
            *registers,
            ProfileGeneric(LOAD_PROFILE, columns, self.load_profile, capture_period=PERIOD_S, capacity=CAPACITY),
            SecuritySetup(policy=policy, suite=suite, server_system_title=self.system_title),
            PushSetup([CLOCK_TIME, *(CaptureObject(3, item.logical_name) for item in registers)]),
        ]

    def _registers(self) -> list[Register]:
        def energy(text: str, compute: Callable[[float], float], unit: int) -> Register:
            return Register(parse_obis(text), lambda: axdr.uint32(_energy(compute(self._seconds()))), 0, unit)

        def power(text: str, compute: Callable[[float], float], unit: int) -> Register:
            return Register(parse_obis(text), lambda: axdr.uint32(round(compute(self._seconds()))), 0, unit)

        found = [
            energy("1.0.1.8.0.255", self._import.energy, WATT_HOUR),
            energy("1.0.2.8.0.255", self._export.energy, WATT_HOUR),
            energy("1.0.3.8.0.255", self._reactive.energy, VAR_HOUR),
            power("1.0.1.7.0.255", self._import.power, WATT),
            power("1.0.2.7.0.255", self._export.power, WATT),
        ]
        for phase, (voltage, current) in enumerate(PHASES):
            found.append(Register(bytes((1, 0, voltage, 7, 0, 255)), self._reader(self._voltage, phase), -1, VOLT))
            found.append(Register(bytes((1, 0, current, 7, 0, 255)), self._reader(self._current, phase), -2, AMPERE))
        found.append(Register(bytes((1, 0, 14, 7, 0, 255)), self._frequency, -2, HERTZ))
        return found

    @staticmethod
    def _reader(read: Callable[[int], Data], phase: int) -> Callable[[], Data]:
        return lambda: read(phase)

    def _voltage(self, phase: int) -> Data:
        return axdr.uint16(2300 + round(40 * ripple(self._seconds(), self._phases[phase], 1800)))

    def _current(self, phase: int) -> Data:
        volts = self._voltage(phase).value / 10
        return axdr.uint16(round(100 * self._import.power(self._seconds()) / 3 / volts))

    def _frequency(self) -> Data:
        return axdr.uint16(5000 + round(4 * ripple(self._seconds(), self._phases[3], 300)))

    def load_profile(self) -> Rows:
        """Return the rows of the last 40 days; each is stamped with its period's end."""
        last = int(self._seconds()) // PERIOD_S
        return Rows(last - CAPACITY + 1, last, self._rows)

    def _row(self, period: int) -> Row:
        end = period * PERIOD_S
        stamp = self.stamp(EPOCH + timedelta(seconds=end))
        return (
            axdr.octets(stamp.to_bytes()),
            axdr.uint8(0),
            axdr.uint32(_energy(self._import.energy(end))),
            axdr.uint32(_energy(self._export.energy(end))),
        )

    def _seconds(self) -> float:
        return (self.now() - EPOCH).total_seconds()

    def _set_time(self, time: CosemDateTime) -> bool:
        instant = time.utc()
        if instant is None:
            local = time.local()
            if local is None:
                return False
            instant = local.replace(tzinfo=self._zone)
        self._correction = instant - self._now()
        return True


def _energy(value: float) -> int:
    return int(value) % (1 << 32)
