"""`ami ping`: whether a meter answers, and who it is."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from ami_cli.console import console, print_json
from ami_cli.meter_options import (
    Address,
    Authentication,
    Client,
    Secrets,
    Server,
    Suite,
    Timeout,
    Verbose,
    access_to,
    session_log,
)
from ami_cli.options import Json

if TYPE_CHECKING:
    from ami_ingest.meters.access import MeterAccess
    from ami_ingest.meters.reading import MeterReader


def ping(
    address: Address,
    *,
    client: Client = 16,
    server: Server = "1",
    auth: Authentication = "none",
    suite: Suite = 0,
    secrets: Secrets = None,
    timeout: Timeout = 10.0,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Connect, associate, ask for the logical device name, release; tell how long each took."""
    from ami_ingest.meters.counters import CounterStore
    from ami_ingest.meters.reading import MeterReader
    from ami_kafka.state import state_dir

    access = access_to(address, client=client, server=server, auth=auth, suite=suite, secrets=secrets)
    counters = CounterStore(state_dir() / "counters")
    reader = MeterReader(access.within(timeout), counters, agent="ami-ping", log=session_log(verbose=verbose))
    answer = asyncio.run(_ping(reader, access))
    if as_json:
        print_json(answer)
        return
    title = f", system title {answer['system_title']}" if answer["system_title"] else ""
    console().print(
        f"{address} answers: logical device name {answer['logical_device_name'] or 'not told'}{title}; "
        f"associated in {answer['associate_ms']} ms, read in {answer['read_ms']} ms",
        markup=False,
        soft_wrap=True,
    )


async def _ping(reader: MeterReader, access: MeterAccess) -> dict[str, Any]:
    from ami_dlms.apdu import CosemAttribute
    from ami_dlms.axdr import Data
    from ami_ingest.meters.objects import DATA, LOGICAL_DEVICE_NAME

    began = time.monotonic()
    session = await reader.open()
    try:
        associated = time.monotonic()
        result = (await session.get(CosemAttribute(DATA, LOGICAL_DEVICE_NAME, 2))).result
        answered = time.monotonic()
    finally:
        await session.close()
    name = result.value if isinstance(result, Data) else ""
    return {
        "address": str(access.endpoint),
        "logical_device_name": name.decode("ascii", "replace") if isinstance(name, bytes) else str(name or ""),
        "system_title": session.system_title.hex() if session.system_title else None,
        "associate_ms": round((associated - began) * 1000, 1),
        "read_ms": round((answered - associated) * 1000, 1),
    }
