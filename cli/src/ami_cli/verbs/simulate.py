"""`ami simulate meter`: a virtual meter to talk to."""

from __future__ import annotations

import typer

app = typer.Typer(help="Virtual meters to talk to.", no_args_is_help=True)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def meter(context: typer.Context) -> None:
    """Run one virtual meter in the foreground: it can be read, and it can push (`--help` shows its options)."""
    from ami_simulator.__main__ import main

    main(list(context.args))
