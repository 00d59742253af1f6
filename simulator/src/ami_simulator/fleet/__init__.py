"""Fleets of virtual meters: thousands that are read, hundreds of thousands that push, their faults and their truth."""

from __future__ import annotations

from ami_simulator.fleet.description import FleetDescription, load, read
from ami_simulator.fleet.members import FleetMeter, Members
from ami_simulator.fleet.truth import PushSent, RegisterRead, Truth, Value, read_log

__all__ = [
    "FleetDescription",
    "FleetMeter",
    "Members",
    "PushSent",
    "RegisterRead",
    "Truth",
    "Value",
    "load",
    "read",
    "read_log",
]
