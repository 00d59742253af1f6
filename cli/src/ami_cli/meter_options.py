"""Options of the verbs that talk to one meter, and what they add up to where it is given by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, get_args

import typer

from ami_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from ami_ingest.config.endpoint import Endpoint
    from ami_ingest.config.model import Tls
    from ami_ingest.meters.access import MeterAccess

Auth = Literal["none", "lls", "hls-md5", "hls-sha1", "hls-gmac", "hls-sha256", "hls-ecdsa"]

_ADDRESS: Final = "Of a meter given by its address"

Meter = Annotated[
    str,
    typer.Argument(
        metavar="METER",
        help="The id of a meter of the inventory; or an address: tcp://, udp:// or tls://HOST:PORT (wrapper), "
        "hdlc+tcp:// or hdlc+tls://HOST:PORT, serial:///dev/ttyUSB0.",
    ),
]
Control = Annotated[
    Path | None,
    typer.Option(
        "--control",
        envvar="AMI_CONTROL",
        metavar="SOCKET",
        help="Control socket of the running agent to ask. Without it: where agents usually have it.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The agent's configuration: its socket, or its inventory where none runs.",
    ),
]
Client = Annotated[
    int, typer.Option("--client", min=1, max=65535, help="Client address (SAP).", rich_help_panel=_ADDRESS)
]
Server = Annotated[
    str,
    typer.Option("--server", help="Logical device; `1/17` adds the physical HDLC address.", rich_help_panel=_ADDRESS),
]
Authentication = Annotated[
    Auth,
    typer.Option(
        "--auth", metavar="HOW", help=f"How to authenticate: {', '.join(get_args(Auth))}.", rich_help_panel=_ADDRESS
    ),
]
Suite = Annotated[int, typer.Option("--suite", min=0, max=2, help="Security suite.", rich_help_panel=_ADDRESS)]
Secrets = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        metavar="FILE",
        help='JSON {"password", "guek", "gak", "client_system_title", …}, mode 600.',
        rich_help_panel=_ADDRESS,
    ),
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option(
        "--tls-certificate",
        metavar="FILE",
        help="With tls: the certificate we show, with its chain (PEM).",
        rich_help_panel=_ADDRESS,
    ),
]
TlsPrivateKey = Annotated[
    Path | None,
    typer.Option("--tls-private-key", metavar="FILE", help="Its key (PEM), mode 600.", rich_help_panel=_ADDRESS),
]
TlsTrust = Annotated[
    Path | None,
    typer.Option(
        "--tls-trust",
        metavar="FILE",
        help="With tls: certificates of those who may answer (PEM). Without it: the system's.",
        rich_help_panel=_ADDRESS,
    ),
]
TlsServerName = Annotated[
    str | None,
    typer.Option(
        "--tls-server-name",
        metavar="NAME",
        help="With tls: the name in the meter's certificate. Without it: the host of the address.",
        rich_help_panel=_ADDRESS,
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Give up after this time.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Also every octet of request and answer, explained, and the log on stderr."),
]


class TlsOptions(NamedTuple):
    """What the command line says of TLS."""

    certificate: Path | None = None
    private_key: Path | None = None
    trust: Path | None = None
    server_name: str | None = None


def access_to(
    address: str, *, client: int, server: str, auth: Auth, suite: int, secrets: Path | None, tls: TlsOptions
) -> MeterAccess:
    """Put the options together. Raises CommandError, and ingest's own errors for the address and the files."""
    from ami_dlms.client import Authentication
    from ami_ingest.config.credentials import Credentials, missing_credentials, read_credentials
    from ami_ingest.config.endpoint import Endpoint
    from ami_ingest.meters.access import MeterAccess

    endpoint = Endpoint.parse(address)
    logical, slash, physical = server.partition("/")
    if not _is_address(logical) or (slash and not _is_address(physical)):
        raise CommandError(f"--server '{server}' is no address", "write 1, or 1/17", ExitCode.USAGE)
    credentials = read_credentials(secrets) if secrets is not None else Credentials()
    missing = missing_credentials(Authentication(auth), None, credentials)
    if missing:
        where = "name a file that has it with --secrets" if secrets is None else f"add it to {secrets}"
        raise CommandError(f"--auth {auth} needs {missing}", where, ExitCode.MISSING)
    return MeterAccess(
        endpoint=endpoint,
        client_address=client,
        logical_device=int(logical),
        physical_device=int(physical) if slash else None,
        authentication=Authentication(auth),
        suite=suite,
        credentials=credentials,
        tls=_identity(endpoint, tls),
    )


def _identity(endpoint: Endpoint, said: TlsOptions) -> Tls | None:
    """Return the files of TLS, which can be used. Raises CommandError and ConfigError."""
    from ami_ingest.config.model import Tls
    from ami_ingest.transport.tls import client_context

    if said == TlsOptions():
        return None
    if not endpoint.scheme.is_tls:
        raise CommandError(
            f"{endpoint} is an address without TLS, and the --tls options say how to speak it",
            "write tls://HOST:PORT or hdlc+tls://HOST:PORT, or leave them out",
            ExitCode.USAGE,
        )
    if (said.certificate is None) != (said.private_key is None):
        raise CommandError(
            "--tls-certificate and --tls-private-key belong together", "give both or neither", ExitCode.USAGE
        )
    tls = Tls(*said)
    client_context(tls)
    return tls


def _is_address(text: str) -> bool:
    return text.isdecimal() and len(text) <= 5 and int(text) <= 0xFFFF


def refuse_unused(context: typer.Context, meter: str) -> None:
    """Refuse options that say how to talk to an address, where a meter of the inventory is named. Raises CommandError.

    The inventory says how such a meter is read; an option that changes nothing would mislead.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        of_address = getattr(parameter, "rich_help_panel", None) == _ADDRESS
        if of_address and source is not None and source.name == "COMMANDLINE":
            raise CommandError(
                f"{parameter.opts[0]} is of a meter given by its address; how '{meter}' is read, the inventory says",
                "leave it out, or give the address: tcp://HOST:PORT",
                ExitCode.USAGE,
            )
