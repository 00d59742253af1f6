"""The fleet of `ami demo --fleet`: its description, the configuration of the agent, and all command lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from ami_cli.demo.children import Child, Children
from ami_cli.demo.scene import agent_frame, python

PUSHES_FOR_S: Final = 15
_ROUND_S: Final = 12
"""Seconds in which every meter pushes once; the first ones push again before the time is over."""

_FIRST: Final = "127.16.0.1"
_READ: Final = ("3:1.0.1.8.0.255", "3:1.0.2.8.0.255", "3:1.0.1.7.0.255")
REGISTERS: Final = len(_READ)
"""Registers that are read of each meter."""


class FleetScene:
    """The demo's folder and what is written into it."""

    def __init__(self, folder: Path, meters: int) -> None:
        self.folder = folder
        self.meters = meters
        self.inventory = folder / "inventory"
        self.agent_config = folder / "agent.yaml"
        self.fleet_config = folder / "fleet.yaml"
        self.pusher: Child | None = None
        """What pushes, once it has begun; it ends when all is sent."""
        self.truths = (folder / "read.truth", folder / "pushed.truth")

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        return (
            f"a fleet of {self.meters:,} meters, an agent, a real Kafka, a normalizer, "
            "and the truth to hold the readings against"
        )

    def start_meters(self, children: Children, port: int) -> str:
        """Start the meters that are read, which write their inventory; return where they are."""
        self._write_fleet(port)
        ready = children.ready(children.start("fleet", self._serving_command()))
        return f"{self.meters:,} at {ready['listening']} to {ready['last']}"

    def start_pushes(self, children: Children, port: int) -> str:  # noqa: ARG002  the description has it
        """Start the meters' pushes; return how long they last."""
        self.pusher = children.start("pushes", self._pushing_command(), ends=True)
        return f"for {PUSHES_FOR_S} s"

    def _write_fleet(self, push_port: int) -> None:
        """Write the description: every meter is read, and pushes once or twice."""
        description: dict[str, Any] = {
            "meters": self.meters,
            "authentication": {"none": 0.2, "lls": 0.4, "hls-gmac": 0.4},
            "framing": {"wrapper": 0.8, "hdlc": 0.2},
            "listen": {"address": _FIRST, "port": 0},
            "push": {
                "to": f"127.0.0.1:{push_port}",
                "rate": self.meters / _ROUND_S,
                "seconds": PUSHES_FOR_S,
                "transport": {"tcp": 0.9, "udp": 0.1},
            },
        }
        self.fleet_config.write_text(yaml.safe_dump(description, sort_keys=False))

    def write_agent(self, bootstrap: str, port: int) -> None:
        """Write the agent's configuration; the meters are in the fleet's own inventory."""
        config = {
            **agent_frame("demo-fleet", bootstrap, port),
            "poll": {"concurrency": 500},
            "schedules": {"once": {"every": "1d", "read": list(_READ)}},
            "defaults": {"schedules": ["once"], "secrets": "inventory/secrets/{id}.json"},
            "inventory": {"file": "inventory/meters.yaml"},
        }
        self.agent_config.write_text(yaml.safe_dump(config, sort_keys=False))

    def _serving_command(self) -> list[str]:
        """Return the command line of the meters that are read; it writes the inventory."""
        return self._fleet("serve", self.truths[0], "--inventory", self.inventory)

    def _pushing_command(self) -> list[str]:
        """Return the command line of the meters' pushes; it ends when all are sent."""
        return self._fleet("push", self.truths[1])

    def agent_command(self) -> list[str]:
        """Return the command line of the agent."""
        return python("ami_cli", "collect", "--config", self.agent_config)

    def normalizer_command(self, bootstrap: str) -> list[str]:
        """Return the command line of the normalizer."""
        return python("ami_cli", "normalize", "--bootstrap", bootstrap, "--keys", self.inventory / "keys.json")

    def _fleet(self, half: str, truth: Path, *more: object) -> list[str]:
        options = ["--config", self.fleet_config, "--only", half, "--truth", truth, "--json", *more]
        return python("ami_cli", "simulate", "fleet", *options)
