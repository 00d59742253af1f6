"""`ami mapping learn`: entries for unknown layouts, proposed from what was parked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ami_cli.console import console, note, print_json
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, Kek, bootstrap_servers

if TYPE_CHECKING:
    from ami_normalize.learning.proposal import Proposal
    from ami_normalize.learning.samples import Sample
    from ami_normalize.pipeline import Context


def learn(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="Messages as `ami decode` takes them. Without it: what is parked on Kafka."
        ),
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the proposal as a mapping.")] = None,
    accept: Annotated[
        Path | None,
        typer.Option(
            "--accept", metavar="FILE", help="Put the proposal behind the dialects of this mapping, if right."
        ),
    ] = None,
    sure: Annotated[
        float,
        typer.Option("--min-confidence", min=0.0, max=1.0, help="A column less sure stays without OBIS: passed over."),
    ] = 0.6,
    fingerprint: Annotated[
        list[str] | None, typer.Option(metavar="HEX", help="Only layouts of this fingerprint, or that begin so.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="keys.json, for ciphered messages; mode 600.")
    ] = None,
    mapping: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Mappings in force, whose layouts are known. Without it: /etc/ami-gateway/mapping.json, if it exists.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Of what is parked on Kafka, the last so many messages.")] = 50_000,
    kek: Kek = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Propose entries for unknown layouts: which column is what, how sure that is, and why.

    Nothing takes effect before a person moves it into place, or says --accept.
    """
    from ami_cli.view.learned import as_json as told
    from ami_cli.view.learned import print_learned
    from ami_normalize.dialects import Dialects
    from ami_normalize.learning.proposal import learn as learnt
    from ami_normalize.mapping.watched import DEFAULT_MAPPING
    from ami_normalize.pipeline import Context

    files = mapping or ([DEFAULT_MAPPING] if DEFAULT_MAPPING.exists() else [])
    if accept is not None and accept.exists() and accept not in files:
        files = [accept, *files]
    context = Context(dialects=Dialects.load(*files))
    if source is not None:
        found = _of_file(source, keys, context)
    else:
        found = _of_kafka(bootstrap_servers(bootstrap), limit, context, keys, kek)
    proposals = [proposal for proposal in learnt(found) if _wanted(proposal, fingerprint)]
    if not proposals:
        raise CommandError(
            "There is no message whose layout is unknown",
            "look at `ami tail parked --from beginning` for what is waiting, and for what",
            ExitCode.MISSING,
        )
    if as_json:
        for proposal in proposals:
            print_json(told(proposal, sure))
    else:
        print_learned(console(), proposals, sure)
    _keep(proposals, sure, out, accept)


def _wanted(proposal: Proposal, fingerprints: Sequence[str] | None) -> bool:
    if not fingerprints:
        return True
    return any(own.startswith(each.lower()) for own in proposal.table.fingerprints for each in fingerprints)


def _of_kafka(bootstrap: str, limit: int, context: Context, keys: Path | None, kek: Path | None) -> list[Sample]:
    from ami_cli.parked import from_kafka
    from ami_cli.registry import registered, store_of
    from ami_normalize.keys import KeyRing
    from ami_normalize.learning.samples import samples

    if keys is not None:
        context = replace(context, keys=KeyRing.from_file(keys))
    return list(samples(from_kafka(bootstrap, limit), registered(bootstrap, context, store_of(kek))))


def _of_file(source: str, keys: Path | None, context: Context) -> list[Sample]:
    from ami_cli.parked import from_file
    from ami_cli.verbs.decode import read_keys
    from ami_normalize.learning.samples import samples
    from ami_normalize.offline import with_keys

    found: list[Sample] = []
    for record, own in from_file(source, read_keys(keys)):
        found += samples([record], with_keys(own, context))
    return found


def _keep(proposals: Sequence[Proposal], sure: float, out: Path | None, accept: Path | None) -> None:
    """Write what is asked for; MappingInvalid and OSError tell why not."""
    from ami_normalize.learning.accept import append, write
    from ami_normalize.learning.proposal import as_mapping

    if out is None and accept is None:
        return
    entries = as_mapping(proposals, sure)
    if not entries:
        raise CommandError(
            "Nothing is sure enough to be proposed",
            "wait for more messages of more meters, or lower --min-confidence",
            ExitCode.MISSING,
        )
    if out is not None:
        write(out, entries)
        note(f"{len(entries)} dialects written to {out}; move the file to where mappings are read")
    if accept is not None:
        append(accept, entries)
        note(f"{len(entries)} dialects accepted into {accept}; normalizers that watch it take them over within 2 s")
