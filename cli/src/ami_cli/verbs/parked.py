"""`ami parked ls|show`: what waits for a key, a mapping, a context or an identity."""

from __future__ import annotations

import typer

from ami_cli.letter_verbs import add_looking

app = typer.Typer(help="Parked records: what waits for a key, a mapping or an identity.", no_args_is_help=True)
add_looking(
    app,
    "PARKED",
    "parked records",
    ls_help="Count what waits by reason and maker, and list the last records (--json: one object each).",
    show_help="Explain one parked record: what it waits for, frames, protection, every element. "
    "Exits 7 where there is none.",
)
