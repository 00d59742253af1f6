"""`ami ledger show|reset`: what replay protection remembers of a meter's counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ami_cli.console import console, note, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, bootstrap_servers

if TYPE_CHECKING:
    from ami_normalize.ledger.held import Held

app = typer.Typer(help="The memory of replay protection: counters seen, by meter and key.", no_args_is_help=True)

Meter = Annotated[
    str, typer.Argument(metavar="METER", help="Its system title (16 hex digits), or another name in the registry.")
]


@app.command()
def show(meter: Meter, *, bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Show the windows of a meter, one a key version: the highest counter, and how many of the last 1024 were seen."""
    found = _held(bootstrap_servers(bootstrap), meter)
    if as_json:
        for each in found:
            print_json(_told(each))
        return
    drawn = table("key version", "highest counter>", "seen of the last 1024>", "partition>", "group", "")
    for each in found:
        told = _told(each)
        suspected = "reset suspected" if each.window.suspected else ""
        drawn.add_row(
            each.key_version, str(told["highest"]), str(told["seen"]), str(each.partition), each.group, suspected
        )
    console().print(drawn)


@app.command()
def reset(
    meter: Meter,
    *,
    version: Annotated[
        str | None, typer.Option("--key-version", metavar="VERSION", help="Only the window of this key version.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the normalizer that owns the meter.")] = 30.0,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Forget the counters seen of a meter, so that one that began to count again under its key is heard.

    The normalizer that owns the meter's partition does it, while it runs. What was turned down before stays so:
    `ami dlq redrive --accept-counter` takes it. Exits 9 where nobody did it in time.
    """
    import time

    from ami_cli.redrive import send
    from ami_normalize.ledger.request import ResetRequest

    servers = bootstrap_servers(bootstrap)
    found = [each for each in _held(servers, meter) if version in (None, each.key_version)]
    if not found:
        raise CommandError(
            f"the ledger holds nothing of {meter} under key version {version}",
            f"`ami ledger show {meter}` lists the key versions",
            ExitCode.MISSING,
        )
    asked = {(each.partition, each.group, each.key_version): each.window.highest for each in found}
    send(
        servers,
        [
            ResetRequest(each.system_title, each.key_version, each.window.highest).record(each.group, each.partition)
            for each in found
        ],
    )
    deadline = time.monotonic() + wait
    while True:
        now = {
            (each.partition, each.group, each.key_version): each.window.highest
            for each in _held(servers, found[0].system_title.hex(), empty=True)
        }
        left = [each for each, highest in asked.items() if now.get(each) == highest]
        if not left or time.monotonic() > deadline:
            break
        time.sleep(1.0)
    if as_json:
        print_json({"asked": len(asked), "reset": len(asked) - len(left)})
    if left:
        raise CommandError(
            f"{len(left)} of {len(asked)} windows are as they were",
            f"see that a normalizer of group {left[0][1]} runs; it will do it when it does",
            ExitCode.INCOMPLETE,
        )
    note(f"{len(asked)} windows are forgotten")


def _held(servers: str, meter: str, *, empty: bool = False) -> list[Held]:
    from ami_normalize.ledger.held import held

    title = _title(servers, meter)
    found = held(servers, title)
    if not found and not empty:
        raise CommandError(
            f"the ledger holds nothing of {meter}: no push of it with a right tag was heard",
            "`ami dlq ls` and `ami parked ls` show what became of its messages",
            ExitCode.MISSING,
        )
    return found


def _title(servers: str, meter: str) -> bytes:
    from ami_cli.registry import registry_of, store_of, title_meant
    from ami_normalize.meter import TITLE_NAME, title_of

    named = title_of(meter) or title_of(f"{TITLE_NAME}{meter}")
    return named or title_meant(meter, registry_of(servers, store_of(None)))


def _told(each: Held) -> dict[str, object]:
    window = each.window
    return {
        "system_title": each.system_title.hex(),
        "key_version": each.key_version,
        "group": each.group,
        "partition": each.partition,
        "highest": window.highest,
        "seen": window.seen.bit_count(),
        "reset_suspected": window.suspected,
    }
