"""Options by which `ami dlq` and `ami parked` choose and show letters."""

from __future__ import annotations

from typing import Annotated

import typer

Reasons = Annotated[
    list[str] | None, typer.Option("--reason", metavar="CODE", help="With this reason; may be given several times.")
]
Meters = Annotated[
    list[str] | None,
    typer.Option("--meter", metavar="ID", help="Of this meter: key of the raw record, or system title."),
]
Stages = Annotated[
    list[str] | None, typer.Option("--stage", metavar="STEP", help="Found by this step: unframe, decrypt, decode, …")
]
Makers = Annotated[
    list[str] | None,
    typer.Option("--manufacturer", metavar="FLAG", help="Of this maker: the three letters of the system title."),
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Given up since: 30m, 2h, 7d ago, or ISO 8601 with offset.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Given up before, in the same forms.")]
Most = Annotated[int | None, typer.Option("--max", metavar="N", min=1, help="So many at most.")]
Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="The raw record: PARTITION/OFFSET, or ami.raw.v1/PARTITION/OFFSET.")
]
Everything = Annotated[bool, typer.Option("--full", help="Leave nothing out of long lists.")]
Summary = Annotated[bool, typer.Option("--summary", help="Counts only.")]
Every = Annotated[bool, typer.Option("--resolved", help="Also those that were processed again since.")]
