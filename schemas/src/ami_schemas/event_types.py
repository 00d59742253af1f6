"""What meters' event codes and alarm bits mean: a stable kind, a description, the CIM EndDeviceEventType.

An EndDeviceEventType is four numbers (IEC 61968-9 Annex E): device type (3 is an electricity meter), domain, subdomain,
event. Codes are those of companion specifications: IDIS and DSMR number alike, with few differences in their alarm
registers; IS 15959 (India) numbers in its own way. A code that is not here keeps its number and gets no type: nothing
is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple


class Companion(str, Enum):
    """The companion specification a meter follows."""

    IDIS = "idis"
    DSMR = "dsmr"
    IS15959 = "is15959"


class EventMeaning(NamedTuple):
    """What an event is."""

    kind: str
    """A stable name: never renamed, never used for something else."""
    description: str
    event_type: str = ""
    """CIM EndDeviceEventType, empty where the list has none that we are sure of."""


UNKNOWN_EVENT: Final = "METER_EVENT"
"""Kind of an event whose code means nothing here."""
UNKNOWN_ALARM: Final = "ALARM"
"""Kind of an alarm whose bit means nothing here."""
UNKNOWN_ERROR: Final = "METER_ERROR"
"""Kind of an error whose bit means nothing here."""
POWER_FAILURE: Final = EventMeaning("LONG_POWER_FAILURE", "the end of a long power failure", "3.26.0.216")
"""A row of the power failure log (1-0:99.97.0): its stamp is the end of the failure."""

_POWER_DOWN, _POWER_UP = "3.26.0.85", "3.26.0.216"
_TIME_CHANGED, _CLOCK_ERROR = "3.36.114.24", "3.36.0.79"
_BATTERY_LOW = "3.2.22.150"
_COVER_OPENED, _COVER_CLOSED = "3.12.29.212", "3.12.29.16"
_TAMPER = "3.12.0.257"
_AUTHENTICATION = "3.12.24.35"
_CONFIGURATION = "3.7.0.24"
_FIRMWARE = "3.11.17.52"
_PROGRAM_MEMORY, _RAM, _NV_MEMORY = "3.18.83.79", "3.18.85.79", "3.18.72.85"
_MEASUREMENT = "3.21.67.79"
_DISCONNECTED, _CONNECTED = "3.31.0.68", "3.31.0.42"
_VOLTAGE_LOW, _VOLTAGE_HIGH, _VOLTAGE_LOST, _VOLTAGE_NORMAL = "3.26.38.150", "3.26.38.93", "3.26.38.47", "3.26.38.37"
_IMBALANCE = "3.26.38.98"

_SHARED: Final = {
    # standard event log (0-0:96.11.0)
    1: EventMeaning("POWER_DOWN", "power failed", _POWER_DOWN),
    2: EventMeaning("POWER_UP", "power returned", _POWER_UP),
    3: EventMeaning("DAYLIGHT_SAVING_CHANGED", "daylight saving began or ended"),
    4: EventMeaning("CLOCK_ADJUSTED_FROM", "the clock was adjusted: old time", _TIME_CHANGED),
    5: EventMeaning("CLOCK_ADJUSTED_TO", "the clock was adjusted: new time", _TIME_CHANGED),
    6: EventMeaning("CLOCK_INVALID", "the clock is invalid", _CLOCK_ERROR),
    7: EventMeaning("BATTERY_REPLACE", "the battery must be replaced", _BATTERY_LOW),
    8: EventMeaning("BATTERY_LOW", "the battery voltage is low", _BATTERY_LOW),
    9: EventMeaning("TARIFF_ACTIVATED", "the passive tariff became active"),
    10: EventMeaning("ERROR_REGISTER_CLEARED", "the error register was cleared"),
    11: EventMeaning("ALARM_REGISTER_CLEARED", "the alarm register was cleared"),
    12: EventMeaning("PROGRAM_MEMORY_ERROR", "error in the program memory", _PROGRAM_MEMORY),
    13: EventMeaning("RAM_ERROR", "error in the RAM", _RAM),
    14: EventMeaning("NV_MEMORY_ERROR", "error in the non-volatile memory", _NV_MEMORY),
    15: EventMeaning("WATCHDOG_ERROR", "the watchdog reset the meter"),
    16: EventMeaning("MEASUREMENT_SYSTEM_ERROR", "error in the measuring system", _MEASUREMENT),
    17: EventMeaning("FIRMWARE_READY", "new firmware is ready for activation"),
    18: EventMeaning("FIRMWARE_ACTIVATED", "new firmware is active", _FIRMWARE),
    19: EventMeaning("TARIFF_PROGRAMMED", "the passive tariff was programmed"),
    20: EventMeaning("EXTERNAL_ALERT", "signal at the meter's input"),
    47: EventMeaning("PARAMETERS_CHANGED", "parameters were changed", _CONFIGURATION),
    48: EventMeaning("KEYS_CHANGED", "global keys were changed"),
    51: EventMeaning("FIRMWARE_VERIFICATION_FAILED", "verification of new firmware failed"),
    88: EventMeaning("PHASE_SEQUENCE_REVERSED", "the phase sequence is reversed"),
    89: EventMeaning("NEUTRAL_MISSING", "the neutral is missing"),
    # fraud detection log (0-0:96.11.1)
    40: EventMeaning("TERMINAL_COVER_OPENED", "the terminal cover was opened", _COVER_OPENED),
    41: EventMeaning("TERMINAL_COVER_CLOSED", "the terminal cover was closed", _COVER_CLOSED),
    42: EventMeaning("MAGNETIC_FIELD_DETECTED", "a strong DC field was detected", _TAMPER),
    43: EventMeaning("MAGNETIC_FIELD_GONE", "the strong DC field is gone"),
    44: EventMeaning("METER_COVER_OPENED", "the meter cover was opened", _COVER_OPENED),
    45: EventMeaning("METER_COVER_CLOSED", "the meter cover was closed", _COVER_CLOSED),
    46: EventMeaning("AUTHENTICATION_FAILED", "an association failed to authenticate several times", _AUTHENTICATION),
    49: EventMeaning("DECRYPTION_FAILED", "decryption or authentication of messages failed several times"),
    50: EventMeaning("REPLAY_ATTACK", "a message was replayed"),
    91: EventMeaning("CURRENT_REVERSED", "the current flows in reverse"),
    # disconnector log (0-0:96.11.2)
    59: EventMeaning("DISCONNECTOR_READY", "the disconnector may be closed by hand"),
    60: EventMeaning("DISCONNECTED_MANUALLY", "disconnected by hand", _DISCONNECTED),
    61: EventMeaning("CONNECTED_MANUALLY", "connected by hand", _CONNECTED),
    62: EventMeaning("DISCONNECTED_REMOTELY", "disconnected remotely", _DISCONNECTED),
    63: EventMeaning("CONNECTED_REMOTELY", "connected remotely", _CONNECTED),
    64: EventMeaning("DISCONNECTED_LOCALLY", "disconnected by the meter, as by its limiter", _DISCONNECTED),
    65: EventMeaning("LIMITER_EXCEEDED", "the limiter's threshold was exceeded"),
    66: EventMeaning("LIMITER_NORMAL", "below the limiter's threshold again"),
    67: EventMeaning("LIMITER_CHANGED", "the limiter's threshold was changed"),
    68: EventMeaning("DISCONNECTOR_FAILED", "the disconnector did not open or close"),
    69: EventMeaning("CONNECTED_LOCALLY", "connected by the meter", _CONNECTED),
    70: EventMeaning("MONITOR_1_EXCEEDED", "the threshold of supervision monitor 1 was exceeded"),
    71: EventMeaning("MONITOR_1_NORMAL", "below the threshold of supervision monitor 1 again"),
    72: EventMeaning("MONITOR_2_EXCEEDED", "the threshold of supervision monitor 2 was exceeded"),
    73: EventMeaning("MONITOR_2_NORMAL", "below the threshold of supervision monitor 2 again"),
    74: EventMeaning("MONITOR_3_EXCEEDED", "the threshold of supervision monitor 3 was exceeded"),
    75: EventMeaning("MONITOR_3_NORMAL", "below the threshold of supervision monitor 3 again"),
    90: EventMeaning("PHASE_ASYMMETRY", "the phases carry unequal loads", _IMBALANCE),
    255: EventMeaning("EVENT_LOG_CLEARED", "the event log was cleared"),
    # communication log
    140: EventMeaning("NO_CONNECTION_TIMEOUT", "no connection for too long"),
    141: EventMeaning("MODEM_INITIALIZATION_FAILED", "the modem did not start"),
    142: EventMeaning("SIM_FAILED", "the SIM card failed"),
    143: EventMeaning("SIM_OK", "the SIM card works"),
    144: EventMeaning("GSM_REGISTRATION_FAILED", "registration at the GSM network failed"),
    145: EventMeaning("GPRS_REGISTRATION_FAILED", "registration at the GPRS network failed"),
    146: EventMeaning("PDP_CONTEXT_ESTABLISHED", "a PDP context was established"),
    147: EventMeaning("PDP_CONTEXT_DESTROYED", "the PDP context ended"),
    148: EventMeaning("PDP_CONTEXT_FAILED", "no PDP context could be established"),
    149: EventMeaning("MODEM_SOFTWARE_RESET", "the modem's software was reset"),
    150: EventMeaning("MODEM_HARDWARE_RESET", "the modem was reset"),
    151: EventMeaning("GSM_OUTGOING_CALL", "an outgoing GSM connection"),
    152: EventMeaning("GSM_INCOMING_CALL", "an incoming GSM connection"),
    153: EventMeaning("GSM_HANG_UP", "a GSM connection ended"),
    154: EventMeaning("DIAGNOSTIC_FAILED", "diagnosis of the modem failed"),
    155: EventMeaning("USER_INITIALIZATION_FAILED", "the user's initialization of the modem failed"),
    156: EventMeaning("SIGNAL_LOW", "the signal is weak"),
    157: EventMeaning("TOO_MANY_CALLS", "more calls than the modem answers"),
    158: EventMeaning("LOCAL_COMMUNICATION_ATTEMPT", "communication at the local port"),
}


def _per_phase(first: int, kind: str, description: str, event_type: str = "") -> dict[int, EventMeaning]:
    return {
        first + number: EventMeaning(f"{kind}_L{number + 1}", f"{description} in L{number + 1}", event_type)
        for number in range(3)
    }


def _per_channel(first: int, step: int, kind: str, description: str) -> dict[int, EventMeaning]:
    return {
        first + step * number: EventMeaning(f"MBUS_{number + 1}_{kind}", f"M-Bus channel {number + 1}: {description}")
        for number in range(4)
    }


def _pair(first: int, kind: str, description: str, event_type: str = "") -> dict[int, EventMeaning]:
    """Two codes that follow each other: something begins, and ends."""
    return {
        first: EventMeaning(kind, description, event_type),
        first + 1: EventMeaning(f"{kind}_END", f"over: {description}"),
    }


_MBUS_COMMUNICATION: Final = ("COMMUNICATION_ERROR", "no communication")
_MBUS_FRAUD: Final = ("FRAUD_ATTEMPT", "fraud attempt")
_MBUS_NEW: Final = ("DEVICE_INSTALLED", "new device")
_MBUS_PERMANENT: Final = ("PERMANENT_ERROR", "permanent error")

_IDIS_CODES: Final = MappingProxyType(
    {
        **_SHARED,
        # power quality log
        **_per_phase(76, "UNDERVOLTAGE", "the voltage is low", _VOLTAGE_LOW),
        **_per_phase(79, "OVERVOLTAGE", "the voltage is high", _VOLTAGE_HIGH),
        **_per_phase(82, "VOLTAGE_MISSING", "there is no voltage", _VOLTAGE_LOST),
        **_per_phase(85, "VOLTAGE_NORMAL", "the voltage is normal again", _VOLTAGE_NORMAL),
        **_per_phase(92, "VOLTAGE_QUALITY_BAD", "the quality of the voltage is bad"),
        # M-Bus logs
        **_per_channel(100, 10, *_MBUS_COMMUNICATION),
        **_per_channel(101, 10, "COMMUNICATION_OK", "communication works"),
        **_per_channel(102, 10, "BATTERY_REPLACE", "the battery must be replaced"),
        **_per_channel(103, 10, *_MBUS_FRAUD),
        **_per_channel(104, 10, "CLOCK_ADJUSTED", "the clock was adjusted"),
        **_per_channel(105, 10, *_MBUS_NEW),
        **_per_channel(106, 10, *_MBUS_PERMANENT),
        **_per_channel(160, 10, "DISCONNECTED_MANUALLY", "disconnected by hand"),
        **_per_channel(161, 10, "CONNECTED_MANUALLY", "connected by hand"),
        **_per_channel(162, 10, "DISCONNECTED_REMOTELY", "disconnected remotely"),
        **_per_channel(163, 10, "CONNECTED_REMOTELY", "connected remotely"),
        **_per_channel(164, 10, "VALVE_ALARM", "alarm of the valve"),
    }
)
"""Codes of IDIS and DSMR, over all their logs."""

_IS15959_CODES: Final = MappingProxyType(
    {
        # voltage (0-0:96.11.0)
        **_pair(1, "VOLTAGE_MISSING_L1", "there is no voltage in L1", _VOLTAGE_LOST),
        **_pair(3, "VOLTAGE_MISSING_L2", "there is no voltage in L2", _VOLTAGE_LOST),
        **_pair(5, "VOLTAGE_MISSING_L3", "there is no voltage in L3", _VOLTAGE_LOST),
        **_pair(7, "OVERVOLTAGE", "the voltage is high in a phase", _VOLTAGE_HIGH),
        **_pair(9, "UNDERVOLTAGE", "the voltage is low in a phase", _VOLTAGE_LOW),
        **_pair(11, "VOLTAGE_UNBALANCE", "the voltages are unequal", _IMBALANCE),
        # current (0-0:96.11.1)
        **_pair(51, "CURRENT_REVERSED_L1", "the current flows in reverse in L1"),
        **_pair(53, "CURRENT_REVERSED_L2", "the current flows in reverse in L2"),
        **_pair(55, "CURRENT_REVERSED_L3", "the current flows in reverse in L3"),
        **_pair(57, "CURRENT_OPEN_L1", "the current transformer is open in L1"),
        **_pair(59, "CURRENT_OPEN_L2", "the current transformer is open in L2"),
        **_pair(61, "CURRENT_OPEN_L3", "the current transformer is open in L3"),
        **_pair(63, "CURRENT_UNBALANCE", "the currents are unequal"),
        **_pair(65, "CURRENT_BYPASS", "the current transformer is bypassed"),
        **_pair(67, "OVERCURRENT", "the current is high in a phase"),
        # power (0-0:96.11.2)
        101: EventMeaning("POWER_DOWN", "power failed", _POWER_DOWN),
        102: EventMeaning("POWER_UP", "power returned", _POWER_UP),
        # transactions (0-0:96.11.3)
        151: EventMeaning("CLOCK_ADJUSTED_TO", "the clock was set", _TIME_CHANGED),
        152: EventMeaning("DEMAND_PERIOD_CHANGED", "the demand integration period was changed", _CONFIGURATION),
        153: EventMeaning("CAPTURE_PERIOD_CHANGED", "the capture period was changed", _CONFIGURATION),
        154: EventMeaning("BILLING_DATES_CHANGED", "the billing dates were changed", _CONFIGURATION),
        155: EventMeaning("CALENDAR_CHANGED", "the activity calendar was changed", _CONFIGURATION),
        # others (0-0:96.11.4)
        **_pair(201, "MAGNETIC_FIELD_DETECTED", "a magnet is near the meter", _TAMPER),
        **_pair(203, "NEUTRAL_DISTURBED", "the neutral is disturbed", _TAMPER),
        **_pair(205, "POWER_FACTOR_LOW", "the power factor is very low"),
        # without rollover (0-0:96.11.5)
        251: EventMeaning("METER_COVER_OPENED", "the meter cover was opened", _COVER_OPENED),
        # control (0-0:96.11.6)
        301: EventMeaning("DISCONNECTED", "the load was disconnected", _DISCONNECTED),
        302: EventMeaning("CONNECTED", "the load was connected", _CONNECTED),
    }
)

_ALARMS: Final = MappingProxyType(
    {
        0: _SHARED[6],
        1: _SHARED[7],
        8: _SHARED[12],
        9: _SHARED[13],
        10: _SHARED[14],
        11: _SHARED[16],
        12: _SHARED[15],
        13: EventMeaning("FRAUD_ATTEMPT", "an attempt of fraud was detected", _TAMPER),
        **_per_channel(16, 1, *_MBUS_COMMUNICATION),
        **_per_channel(20, 1, *_MBUS_FRAUD),
    }
)
"""Bits of alarm and error register 1 that IDIS and DSMR have in common."""
_DSMR_ALARMS: Final = MappingProxyType({**_ALARMS, 2: _SHARED[2], **_per_channel(24, 1, *_MBUS_NEW)})
_IDIS_ALARMS: Final = MappingProxyType(
    {
        **_ALARMS,
        **_per_channel(24, 1, *_MBUS_PERMANENT),
        **_per_channel(28, 1, "BATTERY_LOW", "the battery is low"),
    }
)
_IDIS_ALARMS_2: Final = MappingProxyType(
    {
        0: _SHARED[1],
        1: _SHARED[2],
        **_per_phase(2, "VOLTAGE_MISSING", "there is no voltage", _VOLTAGE_LOST),
        **_per_phase(5, "VOLTAGE_NORMAL", "the voltage is normal again", _VOLTAGE_NORMAL),
        8: _SHARED[89],
        9: _SHARED[90],
        10: _SHARED[91],
        11: _SHARED[88],
        12: EventMeaning("CONSUMPTION_UNEXPECTED", "consumption while disconnected", _TAMPER),
        13: _SHARED[48],
        **_per_phase(14, "VOLTAGE_QUALITY_BAD", "the quality of the voltage is bad"),
        17: _SHARED[20],
        18: _SHARED[158],
        **_per_channel(19, 1, *_MBUS_NEW),
    }
)
_NO_BITS: Final[Mapping[int, EventMeaning]] = MappingProxyType({})
_REGISTERS: Final[Mapping[tuple[int, Companion | None], Mapping[int, EventMeaning]]] = MappingProxyType(
    {
        (1, None): _ALARMS,
        (1, Companion.IDIS): _IDIS_ALARMS,
        (2, Companion.IDIS): _IDIS_ALARMS_2,
        (1, Companion.DSMR): _DSMR_ALARMS,
    }
)


def event(code: int, companion: Companion | None = None) -> EventMeaning | None:
    """Say what an event code means, or None; where no companion is stated, by IDIS and DSMR."""
    return codes(companion).get(code)


def alarm(register: int, bit: int, companion: Companion | None = None) -> EventMeaning | None:
    """Say what a bit (0 is the lowest) of an alarm or error register (1, 2, …) means, or None.

    Where no companion is stated, only what IDIS and DSMR have in common means something.
    """
    return alarms(register, companion).get(bit)


def codes(companion: Companion | None = None) -> Mapping[int, EventMeaning]:
    """Return all event codes of a companion specification."""
    return _IS15959_CODES if companion is Companion.IS15959 else _IDIS_CODES


def alarms(register: int, companion: Companion | None = None) -> Mapping[int, EventMeaning]:
    """Return all bits of an alarm register of a companion specification."""
    return _REGISTERS.get((register, companion), _NO_BITS)
