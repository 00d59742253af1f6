"""`ami mapping`: dialects as data: what is wrong with a file of them, and which are in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ami_cli.console import console, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Json
from ami_cli.verbs.learn import learn

if TYPE_CHECKING:
    from rich.console import Console

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

    out = console()
    wrong = 0
    for path in files:
        content = path.read_bytes()
        checked = problems_of(content)
        wrong += len(checked.problems)
        if as_json:
            for problem in checked.problems:
                print_json({"file": str(path), **problem._asdict()})
            continue
        for problem in checked.problems:
            _print_problem(out, path, content, problem)
        if not checked.problems:
            out.print(f"{path}: {len(checked.entries)} dialects, nothing is wrong", markup=False, soft_wrap=True)
    if wrong:
        raise CommandError(
            f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong",
            "correct the lines named; docs/mapping.md shows the form, `ami mapping schema` prints it",
            ExitCode.CONFIG,
        )


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


def _print_problem(out: Console, path: Path, content: bytes, problem: Problem) -> None:
    where = f"{path}:{problem.line}:{problem.column}"
    inside = f" ({problem.path})" if problem.path else ""
    out.print(f"{where}: ", style="bold", markup=False, end="")
    out.print(f"{problem.sentence}{inside}", markup=False, soft_wrap=True)
    lines = content.decode("utf-8", "replace").split("\n")
    line = lines[problem.line - 1].rstrip("\r") if problem.line <= len(lines) else ""
    begin = max(0, problem.column - 1 - 60)
    excerpt = line[begin : begin + 90].replace("\t", " ")
    if excerpt.strip():
        out.print(f"    {excerpt}", markup=False, style="dim", soft_wrap=True)
        out.print(f"    {' ' * (problem.column - 1 - begin)}^", style="bold red", soft_wrap=True)
    out.print(f"    {problem.remedy}", markup=False, soft_wrap=True)


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
