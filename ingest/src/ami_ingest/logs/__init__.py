"""The log: stderr as its reader wants it, and files for technicians, without the event loop waiting for a disk.

`line` one event as text, JSON or a journal line · `flood` what is said too often is counted · `rotating` a file that is
bounded and found again · `folder` `ingest.log` and `error.log` · `logger` all of it together
"""

from ami_ingest.logs.logger import discard, logger, opened, set_level

__all__ = ["discard", "logger", "opened", "set_level"]
