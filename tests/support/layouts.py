"""Lists of several makers' sorts: which place holds what, and so what must be learnt of it."""

from ami_dlms.axdr import Tag
from support.households import Number, Octets, Text, date, date_time, time


def energy(obis, value, scaler=0):
    """A counter."""
    return Number(obis, "varh" if obis[4] in "34" else "Wh", scaler, value)


def phases(first, unit, scaler, name, tag=Tag.UINT32):
    """Three places side by side: 31, 51, 71 and the like."""
    return [
        Number(f"1.0.{first + 20 * number}.7.0.255", unit, scaler, lambda state, n=number: getattr(state, name)[n], tag)
        for number in range(3)
    ]


POWERS = [
    Number("1.0.1.7.0.255", "W", 0, lambda state: state.import_w),
    Number("1.0.2.7.0.255", "W", 0, lambda state: state.export_w),
    Number("1.0.3.7.0.255", "var", 0, lambda state: state.import_var),
    Number("1.0.4.7.0.255", "var", 0, lambda state: state.export_var),
]
ENERGIES = [
    energy("1.0.1.8.0.255", lambda state: state.imported),
    energy("1.0.2.8.0.255", lambda state: state.exported),
    energy("1.0.3.8.0.255", lambda state: state.reactive_import),
    energy("1.0.4.8.0.255", lambda state: state.reactive_export),
]
CURRENTS = phases(31, "A", -3, "amperes")
VOLTAGES = phases(32, "V", -1, "volts")

NORDIC = [
    Text("1.1.0.2.129.255", lambda _: "ABC_001"),
    Text("0.0.96.1.0.255", lambda state: f"69706310{state.serial}"),
    Text("0.0.96.1.7.255", lambda _: "MA304H3E"),
    *POWERS, *CURRENTS, *VOLTAGES,
    Octets("0.0.1.0.0.255", date_time),
    *ENERGIES,
]  # fmt: skip
"""Powers, currents, voltages, clock, energies."""

ALPINE = [
    Octets("", lambda _: bytes((0, 0, 96, 1, 0, 255))),
    Octets("", date),
    Octets("", time),
    Text("0.0.96.1.0.255", lambda state: f"1ABC{state.serial}"),
    *ENERGIES, *POWERS,
]  # fmt: skip
"""Its own code first, date and time apart, counters before powers."""

ONE_PHASE = [
    Text("0.0.42.0.0.255", lambda state: f"MYM1{state.serial:0>12}"),
    Number("", None, 0, lambda state: state.number),
    Number("", None, 0, lambda state: state.at.timestamp()),
    energy("1.0.1.8.0.255", lambda state: state.imported, 1),
    energy("1.0.2.8.0.255", lambda state: state.exported, 1),
    *POWERS[:2],
    Number("1.0.32.7.0.255", "V", -1, lambda state: state.volts[0], Tag.UINT16),
    Number("", None, 0, lambda _: None),
    Number("", None, 0, lambda _: None),
    Number("1.0.31.7.0.255", "A", -2, lambda state: state.amperes[0], Tag.UINT16),
    Number("", None, 0, lambda _: 0),
    Number("1.0.14.7.0.255", "Hz", -2, lambda state: state.frequency, Tag.UINT16),
    Number("", None, -1, lambda state: state.outdoor, Tag.INT16),
    Number("", None, 0, lambda state: state.random, Tag.UINT16),
    Number("", None, 0, lambda state: 0x80 if state.import_w > 1500 else 0, Tag.UINT8),
    Number("", None, 0, lambda _: 50, Tag.UINT8),
]
"""Steps of 10 Wh, null phases; and what is none of it: counters of messages and seconds, a temperature, noise, a
status word, constants."""

TARIFFS = [
    Text("0.0.96.1.0.255", lambda state: state.serial),
    Octets("0.0.1.0.0.255", date_time),
    energy("1.0.1.8.0.255", lambda state: state.day_tariff // 1 + state.night_tariff // 1),
    energy("1.0.1.8.1.255", lambda state: state.day_tariff),
    energy("1.0.1.8.2.255", lambda state: state.night_tariff),
    energy("1.0.2.8.0.255", lambda state: state.exported),
    Number("1.0.1.7.0.255", "W", 0, lambda state: sum(max(watts, 0) // 1 for watts in state.phase_w)),
    *[
        Number(f"1.0.{21 + 20 * n}.7.0.255", "W", 0, lambda state, n=n: max(state.phase_w[n], 0))
        for n in range(3)
    ],
    Number("1.0.2.7.0.255", "W", 0, lambda state: state.export_w),
    *phases(32, "V", 0, "volts", Tag.UINT16),
    *phases(31, "A", -2, "amperes"),
    Number("1.0.13.7.0.255", "", -3, lambda state: state.factor, Tag.UINT16),
    Number("1.0.16.7.0.255", "W", 0, lambda state: state.import_w // 1 - state.export_w // 1, Tag.INT32),
]  # fmt: skip
"""Tariffs that add up, powers by phase, the power factor, net power."""
