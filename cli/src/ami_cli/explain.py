"""Turn any exception that reaches the command's edge into one sentence, what to do, and an exit code.

The rooms raise their own typed errors; here they are known by name only, so that the command starts without them.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final

from ami_cli.errors import CommandError, ExitCode

_CODES: Final = {
    "ami_kafka.errors.KafkaRoomError": ExitCode.KAFKA,
    "ami_kafka.errors.TopicFileInvalid": ExitCode.CONFIG,
    "ami_kafka.errors.AddressUnusable": ExitCode.CONFIG,
    "ami_kafka.errors.JavaMissing": ExitCode.MISSING,
    "ami_kafka.errors.JarsUnavailable": ExitCode.MISSING,
    "cimpl.KafkaException": ExitCode.KAFKA,
    "ami_ingest.errors.IngestError": ExitCode.MISSING,
    "ami_ingest.errors.ConfigError": ExitCode.CONFIG,
    "ami_ingest.errors.EndpointError": ExitCode.USAGE,
    "ami_ingest.errors.TargetError": ExitCode.USAGE,
    "ami_ingest.errors.FramesError": ExitCode.DATA,
    "ami_ingest.errors.SessionError": ExitCode.METER,
    "ami_ingest.errors.AssociationRejected": ExitCode.REFUSED,
    "ami_ingest.errors.ExchangeFailed": ExitCode.DATA,
    "ami_keys.errors.KeysUnreadable": ExitCode.CONFIG,
    "ami_normalize.errors.NormalizeError": ExitCode.CONFIG,
    "ami_normalize.archive.errors.ArchiveDamaged": ExitCode.DATA,
    "ami_normalize.archive.errors.ArchiveGap": ExitCode.INCOMPLETE,
    "ami_normalize.replay.errors.LiveExpired": ExitCode.INCOMPLETE,
    "ami_normalize.replay.errors.MappingUnknown": ExitCode.MISSING,
    "ami_normalize.replay.errors.ReplayUnfinished": ExitCode.INCOMPLETE,
    "ami_normalize.replay.errors.ReplayUnknown": ExitCode.MISSING,
    "ami_dlms.errors.DlmsError": ExitCode.DATA,
    "ami_dlms.errors.AssociationRefused": ExitCode.REFUSED,
    "ami_dlms.errors.AuthenticationFailed": ExitCode.REFUSED,
    "ami_dlms.errors.TagMismatch": ExitCode.REFUSED,
    "ami_dlms.errors.NeedKey": ExitCode.MISSING,
    "ami_dlms.errors.LinkError": ExitCode.METER,
    "ami_dlms.errors.UsageError": ExitCode.USAGE,
}
"""Exit code by qualified name of the class; a subclass takes the code of its nearest entry."""

_EXTRAS: Final = {
    "ami_dlms": "dlms",
    "ami_ingest": "ingest",
    "ami_keys": "normalize",
    "ami_kafka": "kafka",
    "ami_normalize": "normalize",
    "ami_schemas": "kafka",
    "ami_simulator": "simulator",
    "ami": "kafka",
    "confluent_kafka": "kafka",
    "google": "kafka",
    "cryptography": "dlms",
    "yaml": "kafka",
    "faust": "watch",
    "mode": "watch",
    "aiokafka": "watch",
}
"""Extra of ami-cli that brings a top-level module."""


def explain(error: BaseException) -> CommandError | None:
    """Return what to tell the user, or None where the error is a defect of ours."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return _missing_room(error)
    code = _code(error)
    if code is not None:
        remedy = str(getattr(error, "remedy", ""))
        further = [_told(sentence, "", code) for sentence in getattr(error, "mistakes", ())[1:]]
        return _told(_sentence(error), remedy, code, further)
    if isinstance(error, OSError) and error.filename is not None:
        return _file_error(error)
    return None


def _told(sentence: str, remedy: str, code: ExitCode, further: Sequence[CommandError] = ()) -> CommandError:
    if not remedy:  # the rooms write `what is wrong; what to do` where they have no attribute for the second part
        sentence, _, remedy = sentence.rpartition("; ") if "; " in sentence else (sentence, "", "")
    return CommandError(sentence, remedy.rstrip("."), code, further=further)


def _code(error: BaseException) -> ExitCode | None:
    for cls in type(error).__mro__:
        code = _CODES.get(f"{cls.__module__}.{cls.__qualname__}")
        if code is not None:
            return code
    return None


def _sentence(error: BaseException) -> str:
    # the Kafka client's exceptions hold an error object whose own text is the readable one
    readable = getattr(error.args[0], "str", None) if error.args else None
    told = readable() if readable is not None else getattr(error, "sentence", "") or error
    return " ".join(str(told).split()) or type(error).__name__


def _missing_room(error: ModuleNotFoundError) -> CommandError | None:
    extra = _EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    package = f"ami-cli[{extra}]"
    room = "normalize[watch]" if extra == "watch" else extra
    return CommandError(
        f"This command needs the package ami-{room}, which is not installed ({error.name} is missing)",
        f"pip install '{package}'",
        ExitCode.ROOM,
    )


def _file_error(error: OSError) -> CommandError:
    reasons = {
        errno.ENOENT: ("does not exist", "check the path"),
        errno.EACCES: ("cannot be read or written: permission denied", "check its owner and mode (`ls -l`)"),
        errno.EISDIR: ("is a directory", "name a file"),
        errno.ENOTDIR: ("does not exist: a part of its path is not a directory", "check the path"),
        errno.ENOSPC: ("cannot be written: the disk is full", "free some space"),
    }
    what, remedy = reasons.get(error.errno or 0, (error.strerror or "cannot be used", "check the path"))
    return CommandError(f"{error.filename} {what}", remedy, ExitCode.MISSING)
