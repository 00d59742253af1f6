"""Options that several verbs share, and the address of Kafka they resolve to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        envvar="KAFKA_BOOTSTRAP",
        metavar="HOST:PORT[,…]",
        help="Kafka to use. Without it: the local Kafka of `ami kafka start` if it runs, else localhost:9092.",
    ),
]
Kek = Annotated[
    Path | None,
    typer.Option(
        "--kek",
        envvar="AMI_KEK",
        metavar="FILE",
        help="Key encryption keys that wrap and open the registry's keys, mode 600; made by `ami keys kek`.",
    ),
]
KeyOverlap = Annotated[
    int,
    typer.Option(
        "--key-overlap", metavar="DAYS", min=0, max=366, help="Days a key is accepted before and after its validity."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout instead of tables.")]
Transport = Annotated[
    Literal["auto", "hdlc", "wrapper", "mbus", "raw-apdu", "dsmr-p1"], typer.Option(help="What the bytes are.")
]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FILE", help='JSON {"guek", "gak", "system_title"}, or a keys.json; mode 600.'),
]
Request = Annotated[str | None, typer.Option(metavar="HEX", help="The request that a response answers.")]
Mappings = Annotated[
    list[Path] | None,
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="Mappings before the built-in ones. Without it: /etc/ami-gateway/mapping.json, if it exists.",
    ),
]
Lenient = Annotated[
    bool, typer.Option("--lenient", help="Also read wrong check sequences and unverified tags, and mark them.")
]
Config = Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="Configuration (YAML).")]

DEFAULT_BOOTSTRAP: Final = "localhost:9092"


def bootstrap_servers(given: str | None) -> str:
    """Return the Kafka to use: what was given, else the local kit's while it runs, else localhost:9092."""
    if given:
        return given
    try:
        from ami_kafka.broker import LocalBroker
    except ModuleNotFoundError:
        return DEFAULT_BOOTSTRAP
    status = LocalBroker().status()
    return status.bootstrap if status.running else DEFAULT_BOOTSTRAP
