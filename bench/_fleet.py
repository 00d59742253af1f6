"""A fleet of virtual meters in a process of its own, and the same meters as the agent's inventory has them."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ami_dlms.framing import Framing
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint, Scheme
from ami_ingest.config.model import LinkProfile, Meter, Schedule
from ami_simulator.fleet.description import FleetDescription, Listening, read
from ami_simulator.fleet.members import Members

SCHEMES = {Framing.WRAPPER: Scheme.TCP, Framing.HDLC: Scheme.HDLC_TCP}


@contextmanager
def fleet(tree: Mapping[str, Any]) -> Iterator[FleetDescription]:
    """Run a fleet; yield its description with the port it has taken."""
    run = "from ami_simulator.fleet.command import main; main()"
    command = [sys.executable, "-c", run, "--config", "/dev/stdin", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            json.dump(tree, process.stdin)
            process.stdin.close()
            ready = next((entry for entry in map(json.loads, process.stdout) if entry.get("ready")), None)
            if ready is None:
                raise RuntimeError("the fleet did not start")
            description = read(tree)
            assert description.listen is not None
            port = int(ready["listening"].rpartition(":")[2])
            listen = Listening(description.listen.address, port, description.listen.behind)
            threading.Thread(target=process.stdout.read, daemon=True).start()  # what it says must not stop it
            yield replace(description, listen=listen)
        finally:
            process.terminate()


def inventory(
    description: FleetDescription, link: LinkProfile, schedules: tuple[Schedule, ...], group: str = "default"
) -> list[Meter]:
    """Return the served meters of a fleet."""
    members = Members(description)
    title = description.client_system_title
    meters = []
    for index in range(len(members)):
        known = members.meter(index)
        assert known.address is not None
        keys = known.keys
        meters.append(
            Meter(
                id=known.id,
                address=Endpoint(SCHEMES[known.framing], *known.address),
                group=group,
                client_address=known.client_address,
                logical_device_id=known.logical_device,
                physical_device_id=known.physical_device,
                authentication=known.authentication,
                security_suite=known.suite,
                credentials=Credentials(known.password, keys.encryption, keys.authentication, title),
                link=link,
                schedules=schedules,
            )
        )
    return meters
