"""Replay protection: which invocation counters of a meter's key were seen, so that a push counts once.

`window` the rules, on the bytes of one window · `windows` all windows of a processor, as the ledger topic keeps them ·
`judge` what a ruling does to a message

It is the only memory beside the pure pipeline. It judges pushes whose tag is verified, and nothing else: the freshness
of a poll is its association's business, and what no tag vouches for anyone could have written.
"""

from ami_normalize.ledger.judge import Rule, judged
from ami_normalize.ledger.window import ACCEPTED, RETRANSMISSION, Finding, Ruling, Verdict
from ami_normalize.ledger.windows import Windows, record_key

__all__ = ["ACCEPTED", "RETRANSMISSION", "Finding", "Rule", "Ruling", "Verdict", "Windows", "judged", "record_key"]
