"""Virtual meters on the server side of `ami_dlms`: they can be read over TCP, and they push."""

from __future__ import annotations

from ami_simulator.meter import VirtualMeter
from ami_simulator.push import Pusher, PushSettings, Transport
from ami_simulator.server import MeterServer

__all__ = ["MeterServer", "PushSettings", "Pusher", "Transport", "VirtualMeter"]
