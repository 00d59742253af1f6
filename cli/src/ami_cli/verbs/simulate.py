"""`ami simulate meter|fleet|truth`: virtual meters to talk to, and what they said."""

from __future__ import annotations

import typer

app = typer.Typer(help="Virtual meters to talk to: one, or a fleet.", no_args_is_help=True)
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=_PASSED_ON)
def meter(context: typer.Context) -> None:
    """Run one virtual meter in the foreground: it can be read, and it can push (`--help` shows its options)."""
    from ami_simulator.__main__ import main

    main(list(context.args))


@app.command(context_settings=_PASSED_ON)
def fleet(context: typer.Context) -> None:
    """Run thousands of virtual meters that are read, push and fail as told (`--help` shows its options)."""
    from ami_simulator.fleet.command import main

    main(list(context.args))


@app.command(context_settings=_PASSED_ON)
def truth(context: typer.Context) -> None:
    """Tell what a fleet really said, value by value, from the log it wrote."""
    from ami_simulator.fleet.command import truth as tell

    tell(list(context.args))
