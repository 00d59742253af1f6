"""Entry point of `ami`: put the verbs together, run one, and end with a documented exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

from ami_cli.app import app
from ami_cli.console import print_error
from ami_cli.errors import CommandError, ExitCode
from ami_cli.explain import explain


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit.

    Exits 0, or with a code of `ami_cli.errors.ExitCode` after one sentence on stderr. `AMI_DEBUG=1` adds the traceback.
    """
    signal.signal(signal.SIGTERM, _end)  # SIGTERM ends a verb as Ctrl-C does: in order
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the command; return its exit code."""
    return int(_run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        result = app(args=arguments, prog_name="ami", standalone_mode=False)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as ended:  # of a room's own program behind a verb, or of typer and rich
        if isinstance(ended.__context__, BrokenPipeError):
            return _reader_gone()
        return ended.code if isinstance(ended.code, int) else ExitCode.DEFECT if ended.code else ExitCode.OK
    except BrokenPipeError:
        return _reader_gone()
    except Exception as error:  # noqa: BLE001 - the command's edge: everything becomes a sentence and a code
        return _failed(error, arguments)
    return result if isinstance(result, int) else ExitCode.OK


def _reader_gone() -> int:
    """Take it that the reader of our output has seen enough (`ami tail … | head`): that is no failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes at exit, and would complain
    return ExitCode.OK


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the form of a signal handler
    raise KeyboardInterrupt


def _failed(error: Exception, arguments: list[str]) -> int:
    if os.environ.get("AMI_DEBUG") == "1":
        traceback.print_exc()
    # typer brings its own copy of click from 0.29 on, so usage errors are known by their shape
    show = getattr(error, "format_message", None)
    if show is not None:
        if not show():  # a command of commands without one: its help was printed instead
            return ExitCode.USAGE
        told = CommandError(_one_line(show()), f"`{_command(error)} --help`", ExitCode.USAGE)
    else:
        told = explain(error) or _defect(error, arguments)
    print_error(told)
    return told.code


def _command(error: Exception) -> str:
    return str(getattr(getattr(error, "ctx", None), "command_path", "ami"))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _defect(error: Exception, arguments: list[str]) -> CommandError:
    verb = arguments[0] if arguments else ""
    return CommandError(
        f"`ami {verb}` met a defect of its own: {type(error).__name__}: {_one_line(str(error))}",
        "run it again with AMI_DEBUG=1 and report the traceback",
        ExitCode.DEFECT,
    )
