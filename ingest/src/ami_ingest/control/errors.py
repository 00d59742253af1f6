"""What can go wrong between a command and a running agent."""

from __future__ import annotations

from ami_ingest.control.protocol import Failure
from ami_ingest.errors import IngestError


class ControlError(IngestError):
    """The control socket cannot be opened."""


class AgentUnreachable(IngestError):
    """No agent answers at a control socket."""


class AgentRefused(IngestError):
    """The agent answered that it could not do it, and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.remedy = failure.remedy
