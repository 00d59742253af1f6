"""`ami meters`: the meters in the registry: who they are, what their messages do not say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ami_cli.console import console, note, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, bootstrap_servers
from ami_cli.registry import registry_of, store_of, written

if TYPE_CHECKING:
    from ami_normalize.meter import MeterFacts
    from ami_normalize.registry.packed import RegistryView

app = typer.Typer(help="Meters in the registry: imported, listed, renamed.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="METER", help="Its id, system title, device name (ldn-…), serial (sn-…).")]


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The inventory: CSV with a heading, YAML or JSON.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and write nothing.")] = False,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Register the meters of an inventory; what was registered of them before is replaced.

    The whole file is checked before anything is written. Meters that it does not name stay as they are.
    """
    from ami_normalize.registry.inventory import inventory
    from ami_normalize.registry.records import meter_record

    found = inventory(file.read_bytes(), str(file))
    if dry_run:
        note(f"{file}: {len(found)} meters, nothing is wrong")
        return
    count = written(bootstrap_servers(bootstrap), (meter_record(facts) for facts in found), len(found))
    if as_json:
        print_json({"registered": count})
    note(f"{count} meters are registered")


@app.command(name="list")
def list_(
    *,
    group: Annotated[str | None, typer.Option(metavar="GROUP", help="Only those of a group.")] = None,
    utility: Annotated[str | None, typer.Option(metavar="UTILITY", help="Only those of a utility.")] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """List the registered meters."""
    from ami_normalize.registry.inventory import described

    view = registry_of(bootstrap_servers(bootstrap), store_of(None))
    chosen = (facts for facts in view.meters() if group in (None, facts.group) and utility in (None, facts.utility))
    drawn = table("meter", "system title", "device name", "serial", "group", "utility", "zone", "keys>")
    for facts in sorted(chosen, key=lambda one: one.meter_id):
        if as_json:
            print_json(described(facts))
            continue
        keys = len(view.versions(facts.system_title))
        drawn.add_row(
            facts.meter_id,
            facts.system_title.hex(),
            facts.logical_device_name,
            facts.serial,
            facts.group,
            facts.utility,
            facts.zone,
            str(keys or ""),
        )
    if not as_json:
        console().print(drawn)


@app.command()
def show(name: Name, *, bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Show all that is registered of a meter, found by any of its names."""
    from ami_normalize.registry.inventory import described

    view = registry_of(bootstrap_servers(bootstrap), store_of(None))
    facts = _meant(name, view)
    told = {**described(facts), "keys": _keys(facts, view)}
    if as_json:
        print_json(told)
        return
    drawn = table("", "")
    drawn.show_header = False
    for field, value in told.items():
        if field == "profiles":
            for profile in value:
                columns = ", ".join(f"{one['class_id']}:{one['obis']}:{one['attribute']}" for one in profile["columns"])
                drawn.add_row(f"profile {profile['obis']}", f"every {profile['period_s']} s: {columns}")
        else:
            drawn.add_row(field, ", ".join(value) if isinstance(value, list) else str(value))
    console().print(drawn)


@app.command()
def rename(
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its id from now on.")],
    *,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Give a meter another id. The old one becomes an alias, and an event METER_RENAMED tells consumers.

    What was published under the old id stays there: `ami replay promote --meter` moves it.
    """
    from dataclasses import replace

    from ami_normalize.stream.rename import rename as renamed

    servers = bootstrap_servers(bootstrap)
    view = registry_of(servers, store_of(None))
    facts = _meant(name, view)
    taken = view.by_name(new)
    if taken is not None and taken.meter_id != facts.meter_id:
        raise CommandError(f"{new} is a name of {taken.meter_id} already", "choose another id", ExitCode.DATA)
    if new == facts.meter_id:
        raise CommandError(f"{new} is its id already", "nothing is to be done", ExitCode.DATA)
    aliases = tuple(dict.fromkeys(one for one in (*facts.aliases, facts.meter_id) if one != new))
    renamed(servers, facts, replace(facts, meter_id=new, aliases=aliases))
    if as_json:
        print_json({"id": new, "was": facts.meter_id})
    note(f"{facts.meter_id} is {new} from now on")


def _meant(name: str, view: RegistryView) -> MeterFacts:
    from ami_normalize.meter import TITLE_NAME

    found = view.by_name(name.strip()) or view.by_name(f"{TITLE_NAME}{name.strip().lower()}")
    if found is None:
        raise CommandError(
            f"No meter is registered as '{name[:60]}', or more than one is",
            "look at `ami meters list`",
            ExitCode.MISSING,
        )
    return found


def _keys(facts: MeterFacts, view: RegistryView) -> list[str]:
    versions = view.versions(facts.system_title) if facts.system_title else []
    return sorted(f"{one.kind.value} {one.version}" for one in versions)
