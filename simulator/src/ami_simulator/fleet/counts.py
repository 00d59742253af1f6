"""What a fleet has done so far: the numbers of its status line."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ami_simulator.fleet.faults import Fault


@dataclass(slots=True)
class Counts:
    """Totals since the beginning, unless said otherwise."""

    connections: int = 0
    open_connections: int = 0
    """Now."""
    associations: int = 0
    associated: int = 0
    """Now."""
    requests: int = 0
    """Answered within an association."""
    pushes: int = 0
    """Accepted by the kernel, whole."""
    push_octets: int = 0
    push_failures: int = 0
    """Connections that could not be made, or broke; what was not sent whole is sent again."""
    push_connections: int = 0
    """Now."""
    faults: Counter[str] = field(default_factory=Counter)
    """Acted out, by kind."""

    def acted(self, faults: tuple[Fault, ...]) -> None:
        """Count faults that were acted out."""
        for fault in faults:
            self.faults[fault.kind.value] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, and the seconds of processor time the process has taken."""
        return {
            "cpu_s": round(time.process_time(), 3),
            "connections": self.connections,
            "open_connections": self.open_connections,
            "associations": self.associations,
            "associated": self.associated,
            "requests": self.requests,
            "pushes": self.pushes,
            "push_octets": self.push_octets,
            "push_failures": self.push_failures,
            "push_connections": self.push_connections,
            "faults": dict(self.faults),
        }
