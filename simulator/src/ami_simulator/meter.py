"""A virtual meter: what it measures, as COSEM objects. Values depend on the seed and the time only.

Its objects are made when they are asked for, so that a meter in a fleet of thousands is little more than its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache, partial
from typing import Final, NamedTuple

from ami_dlms import axdr
from ami_dlms.axdr import Data
from ami_dlms.cosem import (
    Clock,
    CosemObject,
    DataObject,
    InvocationCounters,
    LogicalDevice,
    PushSetup,
    Register,
    Row,
    SecuritySetup,
)
from ami_dlms.cosem.device import INVOCATION_COUNTER, LOGICAL_DEVICE_NAME, OWN_NAMES, own_objects
from ami_dlms.cosem.push import PUSH_SETUP
from ami_dlms.cosem.sap import SAP_ASSIGNMENT
from ami_dlms.cosem.security import SECURITY_SETUP
from ami_dlms.cosem_time import ClockStatus, CosemDateTime
from ami_dlms.obis import parse_obis
from ami_dlms.selective import CLOCK, CLOCK_TIME, CaptureObject
from ami_simulator.load_profile import CAPACITY, PERIOD_S, LoadProfile, Rows
from ami_simulator.modem import GSM_DIAGNOSTIC, GsmDiagnostic, usual_dbm
from ami_simulator.signals import Household

MANUFACTURER = b"AMV"
"""Our virtual manufacturer's FLAG letters."""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
CET_MINUTES = -60

WATT, VAR, WATT_HOUR, VAR_HOUR, AMPERE, VOLT, HERTZ = 27, 29, 30, 32, 33, 35, 44
PROFILE_STATUS = parse_obis("0.0.96.10.1.255")
SERIAL = parse_obis("0.0.96.1.0.255")
LOAD_PROFILE = parse_obis("1.0.99.1.0.255")
IMPORT, EXPORT, REACTIVE = (parse_obis(text) for text in ("1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.3.8.0.255"))


class Measured(NamedTuple):
    """One register: value = raw * 10 ** scaler, in `unit`."""

    obis: bytes
    encode: Callable[[int], Data]
    scaler: int
    unit: int


MEASURED: Final = tuple(
    Measured(parse_obis(text), encode, scaler, unit)
    for text, encode, scaler, unit in (
        ("1.0.1.8.0.255", axdr.uint32, 0, WATT_HOUR),
        ("1.0.2.8.0.255", axdr.uint32, 0, WATT_HOUR),
        ("1.0.3.8.0.255", axdr.uint32, 0, VAR_HOUR),
        ("1.0.1.7.0.255", axdr.uint32, 0, WATT),
        ("1.0.2.7.0.255", axdr.uint32, 0, WATT),
        ("1.0.32.7.0.255", axdr.uint16, -1, VOLT),
        ("1.0.31.7.0.255", axdr.uint16, -2, AMPERE),
        ("1.0.52.7.0.255", axdr.uint16, -1, VOLT),
        ("1.0.51.7.0.255", axdr.uint16, -2, AMPERE),
        ("1.0.72.7.0.255", axdr.uint16, -1, VOLT),
        ("1.0.71.7.0.255", axdr.uint16, -2, AMPERE),
        ("1.0.14.7.0.255", axdr.uint16, -2, HERTZ),
    )
)
"""The registers, in the order of `Household.values`."""
PLACE: Final = {measured.obis: place for place, measured in enumerate(MEASURED)}
_PUBLIC: Final = OWN_NAMES | {CLOCK, SERIAL}
"""What a public client reads."""
_COLUMNS: Final = (CLOCK_TIME, CaptureObject(1, PROFILE_STATUS), CaptureObject(3, IMPORT), CaptureObject(3, EXPORT))
_PUSHED: Final = (CLOCK_TIME, *(CaptureObject(3, measured.obis) for measured in MEASURED))

Observer = Callable[[bytes, int, int], None]
"""Told of each register that is read: logical name, second of the meter's clock, raw value."""


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(timezone.utc)


def default_system_title(serial: int) -> bytes:
    """Return a system title: our manufacturer and the serial number."""
    return MANUFACTURER + serial.to_bytes(5, "big")


@lru_cache(maxsize=65_536)
def stamp(second: int, zone: tzinfo) -> bytes:
    """Return a second of the Unix epoch as a meter in `zone` writes it; its clock status tells daylight saving only."""
    local = datetime.fromtimestamp(second, zone)
    return CosemDateTime.from_datetime(local, ClockStatus.DAYLIGHT_SAVING if local.dst() else 0).to_bytes()


class VirtualMeter:
    """A three-phase meter with import and export, installed long before it is asked.

    Several may live in one process: nothing is shared.
    """

    __slots__ = ("_correction", "_now", "_zone", "counters", "device", "household", "observer", "policy", "serial",
                 "signal", "suite", "system_title")  # fmt: skip

    def __init__(
        self,
        serial: int = 1,
        *,
        seed: int | None = None,
        now: Callable[[], datetime] = utc_now,
        deviation: int = CET_MINUTES,
        zone: tzinfo | None = None,
        system_title: bytes | None = None,
        counters: InvocationCounters | None = None,
        suite: int = 0,
        policy: int = 0,
        observer: Observer | None = None,
        signal: Callable[[], int] | None = None,
    ) -> None:
        """`now` returns aware time; `deviation` is minutes from local to UTC; `seed` defaults to the serial number.

        With `zone` the deviation is that zone's, daylight saving included. `signal` returns what the meter's modem
        receives, dBm; without it that depends on the serial number.
        """
        self.serial = serial
        self.system_title = system_title or default_system_title(serial)
        self.counters = counters or InvocationCounters()
        self.suite, self.policy, self.observer = suite, policy, observer
        self.signal = signal or (lambda: usual_dbm(serial))
        self._now = now
        self._zone = zone or timezone(timedelta(minutes=-deviation))
        self._correction = timedelta()
        self.household = Household.of(serial if seed is None else seed)
        self.device = LogicalDevice(
            MANUFACTURER + f"{serial:013d}".encode("ascii"),
            _Objects(self),
            public=_PUBLIC,
            counters=self.counters,
        )

    @property
    def zone(self) -> tzinfo:
        """The zone of its clock."""
        return self._zone

    def now(self) -> datetime:
        """Return the meter's clock, in its zone, to the second."""
        return (self._now() + self._correction).astimezone(self._zone).replace(microsecond=0)

    def clock(self) -> CosemDateTime:
        """Return the meter's clock as COSEM has it."""
        return CosemDateTime.from_bytes(stamp(self._second(), self._zone))

    def register(self, obis: bytes) -> Register:
        """Return one of the meter's registers."""
        found = self.device.objects[obis]
        if not isinstance(found, Register):
            raise TypeError(f"{found.class_id} is not the class of a register")
        return found

    def registers(self) -> tuple[Register, ...]:
        """Return all registers, in the order of the object list."""
        return tuple(self.register(measured.obis) for measured in MEASURED)

    def make(self, name: bytes) -> CosemObject:
        """Make one of the meter's objects; raises KeyError where it has none of that name."""
        measured = PLACE.get(name)
        if measured is not None:
            obis, _, scaler, unit = MEASURED[measured]
            return Register(obis, partial(self._measure, measured), scaler, unit)
        return _MADE[name](self)

    def load_profile(self) -> Rows:
        """Return the rows of the last 40 days; each is stamped with its period's end."""
        last = self._second() // PERIOD_S
        return Rows(last - CAPACITY + 1, last, self._row)

    def _measure(self, place: int) -> Data:
        second = self._second()
        raw = self.household.values(second)[place]
        obis, encode, _, _ = MEASURED[place]
        if self.observer is not None:
            self.observer(obis, second, raw)
        return encode(raw)

    def _row(self, period: int) -> Row:
        end = period * PERIOD_S
        imported, exported = self.household.energies(end)
        return axdr.octets(stamp(end, self._zone)), axdr.uint8(0), axdr.uint32(imported), axdr.uint32(exported)

    def _second(self) -> int:
        return int((self._now() + self._correction).timestamp() // 1)

    def set_time(self, time: CosemDateTime) -> bool:
        """Set the meter's clock; tell whether the time was complete enough."""
        instant = time.utc()
        if instant is None:
            local = time.local()
            if local is None:
                return False
            instant = local.replace(tzinfo=self._zone)
        self._correction = instant - self._now()
        return True


def _clock(meter: VirtualMeter) -> CosemObject:
    now = meter.now()
    usual = (now.utcoffset() or timedelta()) - (now.dst() or timedelta())
    return Clock(meter.clock, deviation=-round(usual.total_seconds() / 60), set_time=meter.set_time)


def _profile(meter: VirtualMeter) -> CosemObject:
    return LoadProfile(LOAD_PROFILE, _COLUMNS, meter.load_profile, capture_period=PERIOD_S, capacity=CAPACITY)


def _own(place: int) -> Callable[[VirtualMeter], CosemObject]:
    return lambda meter: own_objects(meter.device.name, 1, meter.counters)[place]


_MADE: Final[Mapping[bytes, Callable[[VirtualMeter], CosemObject]]] = {
    LOGICAL_DEVICE_NAME: _own(0),
    SAP_ASSIGNMENT: _own(1),
    INVOCATION_COUNTER: _own(2),
    CLOCK: _clock,
    SERIAL: lambda meter: DataObject(SERIAL, axdr.octets(f"{meter.serial:08d}".encode("ascii"))),
    PROFILE_STATUS: lambda _: DataObject(PROFILE_STATUS, axdr.uint8(0)),
    LOAD_PROFILE: _profile,
    GSM_DIAGNOSTIC: lambda meter: GsmDiagnostic(meter.signal),
    SECURITY_SETUP: lambda meter: SecuritySetup(
        policy=meter.policy, suite=meter.suite, server_system_title=meter.system_title
    ),
    PUSH_SETUP: lambda _: PushSetup(_PUSHED),
}
"""What a meter has beside its registers."""
_NAMES: Final = (
    *(name for name in _MADE if name not in (LOAD_PROFILE, GSM_DIAGNOSTIC, SECURITY_SETUP, PUSH_SETUP)),
    *PLACE,
    LOAD_PROFILE,
    GSM_DIAGNOSTIC,
    SECURITY_SETUP,
    PUSH_SETUP,
)
"""All, in the order of the object list."""


class _Objects(Mapping[bytes, CosemObject]):
    """A meter's objects by logical name, made when they are asked for."""

    __slots__ = ("_meter",)

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def __getitem__(self, name: bytes) -> CosemObject:
        return self._meter.make(name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)
