"""`ami mapping`: dialects as data: what is wrong with a file of them, and which are in force."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ami_cli.console import console, print_json, table
from ami_cli.options import Json
from ami_cli.problems import judge
from ami_cli.verbs.learn import learn

if TYPE_CHECKING:
    from ami_normalize.mapping.check import Problem
    from ami_normalize.mapping.dialect import Condition, Dialect

app = typer.Typer(help="Dialects: what makers' meters leave unsaid, as data.", no_args_is_help=True)
app.command()(learn)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Mappings (JSON).")],
    as_json: Json = False,
) -> None:
    """Say what is wrong with mappings: line, column, what, and what to do. Ends with 3 where something is."""
    from ami_normalize.mapping.check import check as problems_of

    def by(content: bytes) -> tuple[int, Sequence[Problem]]:
        checked = problems_of(content)
        return len(checked.entries), checked.problems

    form = "docs/mapping.md shows the form, `ami mapping schema` prints it"
    judge(files, by, things="dialects", form=form, as_json=as_json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of mappings (draft 2020-12), for editors and other tools."""
    from ami_normalize.mapping.schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def show(
    mapping: Annotated[
        list[Path] | None,
        typer.Option(
            "--mapping",
            metavar="FILE",
            help="Mappings before the built-in ones. Without it: /etc/ami-gateway/mapping.json, if it exists.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the dialects in force, those asked first before those asked later, and their version."""
    from ami_normalize.dialects import Dialects
    from ami_normalize.mapping.watched import DEFAULT_MAPPING

    files = mapping or ([DEFAULT_MAPPING] if DEFAULT_MAPPING.exists() else [])
    dialects = Dialects.load(*files)
    if as_json:
        described = [_described(dialect) for dialect in dialects.in_order]
        print_json({"mapping": dialects.content_hash, "dialects": described})
        return
    drawn = table("#>", "dialect", "maker", "knows a message by", "rules>", "layouts", "clock", "from")
    for number, dialect in enumerate(dialects.in_order, start=1):
        told = _described(dialect)
        drawn.add_row(
            str(number),
            told["name"],
            told["manufacturer"],
            "\n".join(_condition_text(one) for one in told["match"]) or "its layouts",
            str(told["objects"] or ""),
            "\n".join(f"{name} ({columns})" for name, columns in told["layouts"].items()),
            ", ".join(f"{name} {value}" for name, value in told["time"].items()),
            told["source"].partition(":")[0],
        )
    out = console()
    out.print(f"mapping {dialects.content_hash}", style="bold", highlight=False)
    out.print()
    out.print(drawn)


def _described(dialect: Dialect) -> dict[str, Any]:
    return {
        "name": dialect.name,
        "manufacturer": dialect.manufacturer,
        "source": dialect.source,
        "match": [_condition(condition) for condition in dialect.match],
        "objects": len(dialect.objects),
        "layouts": {layout.name: len(layout.columns) for layout in dialect.layouts},
        "time": {
            **({"deviation_inverted": True} if dialect.deviation_inverted else {}),
            **({"zone": dialect.zone} if dialect.zone else {}),
            **({"row_stamp": "start"} if dialect.stamps_start else {}),
        },
        "nulls": "absent" if dialect.nulls_absent else "no-value",
        "companion": dialect.companion.value if dialect.companion else None,
        "status": None if dialect.status is None else [bit.value for bit in dialect.status],
    }


def _condition(condition: Condition) -> dict[str, Any]:
    stated = {
        "flag": condition.flag,
        "system_title": condition.system_title.hex(),
        "logical_device_name": condition.logical_device_name,
        "list_version": condition.list_version,
        "deviation": condition.deviation,
        "objects": [str(pattern) for pattern in condition.objects],
        "count": condition.size,
        "registry": condition.registry,
    }
    return {name: value for name, value in stated.items() if value}


def _condition_text(condition: dict[str, Any]) -> str:
    words = {"flag": "FLAG", "count": "objects:", "objects": "has"}
    told = []
    for name, value in condition.items():
        if value is True:
            told.append("the registry's word")
            continue
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        begins = "…" if name in {"system_title", "logical_device_name", "list_version"} else ""
        told.append(f"{words.get(name, name.replace('_', ' '))} {shown}{begins}")
    return " and ".join(told)
