"""Every metric: its name, its labels, what it says, and what it tells you to do.

The label sets are bounded: reasons, topics and states by their lists, manufacturers by `tally.MOST_MAKERS`.
"""

from __future__ import annotations

from typing import Final

from ami_kafka.observe.metric import Metric

HEALTHY: Final = Metric(
    "ami_normalize_healthy", "gauge", "1 while there is progress, or nothing to do",
    "0: read the reason on the page /health; a restart helps only where that says so",
)  # fmt: skip
LAG: Final = Metric(
    "ami_normalize_lag_records", "gauge", "raw records not processed yet, of each partition owned",
    "growing for long: start more normalizers, up to the number of partitions",
    ("partition",),
)  # fmt: skip
OLDEST: Final = Metric(
    "ami_normalize_oldest_unprocessed_seconds", "gauge", "age of the oldest raw record not processed; 0 without lag",
    "near the retention of ami.raw.v1: act now, or records are lost to the normalizer",
)  # fmt: skip
COMMITTED_OFFSET: Final = Metric(
    "ami_normalize_committed_offset", "gauge", "the next raw offset to process, of each partition owned",
    "stands still while there is lag: look at /health",
    ("partition",),
)  # fmt: skip
LAST_COMMIT: Final = Metric(
    "ami_normalize_last_commit_timestamp_seconds", "gauge", "when the last batch was committed, Unix time; 0 before",
    "old while there is lag: look at /health",
)  # fmt: skip
PARTITIONS: Final = Metric(
    "ami_normalize_partitions", "gauge", "raw partitions owned",
    "0 for long: there are more normalizers than partitions, and this one stands by",
)  # fmt: skip
RECORDS: Final = Metric(
    "ami_normalize_records", "counter", "raw records processed and committed, by the maker in their system title",
    "a maker that falls silent: look at its meters or their head-end",
    ("manufacturer",),
)  # fmt: skip
OUTPUTS: Final = Metric(
    "ami_normalize_outputs", "counter", "derived records committed, by topic",
    "nothing: this is the work done",
    ("topic",),
)  # fmt: skip
REFUSED: Final = Metric(
    "ami_normalize_refused", "counter", "dead letters and parked records committed, by reason and maker",
    "a rate that jumps: `ami dlq ls`, `ami parked ls`, and the page of the reason (docs/reasons.md)",
    ("outcome", "reason", "manufacturer"),
)  # fmt: skip
BATCH_RECORDS: Final = Metric(
    "ami_normalize_batch_records", "histogram", "raw records of a transaction",
    "always full: it works at its limit, see the lag",
    buckets=(1, 10, 100, 500, 1000, 2000, 5000, 10000),
)  # fmt: skip
BATCH_SECONDS: Final = Metric(
    "ami_normalize_batch_seconds", "histogram", "from reading a batch to its commit",
    "above the session timeout of 10 s partitions move: make batches smaller",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
COMMIT_SECONDS: Final = Metric(
    "ami_normalize_commit_seconds", "histogram", "of which writing and committing the transaction",
    "growing: look at the brokers' disks and at replication",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
ABORTS: Final = Metric(
    "ami_normalize_aborts", "counter", "transactions given up; their batches come again, nothing is lost",
    "often: look at the log and at the brokers",
    ("step",),
)  # fmt: skip
REBUILDS: Final = Metric(
    "ami_normalize_rebuilds", "counter", "times both Kafka clients were made anew",
    "often: look at the log; two processes may share an --instance-id",
)  # fmt: skip
REBALANCES: Final = Metric(
    "ami_normalize_rebalances", "counter", "times partitions came or went",
    "often while nobody starts or stops normalizers: processes fall out of the group, look at their batch seconds",
    ("direction",),
)  # fmt: skip
OVERSIZE: Final = Metric(
    "ami_normalize_oversize", "counter", "derived records that were too large for their topic and were replaced",
    "any: compare max.message.bytes of the topic with deploy/topics.yaml",
)  # fmt: skip
HELD: Final = Metric(
    "ami_normalize_held", "gauge", "1 while nothing is consumed, by what is missing",
    "the reason is on the page /health; it goes on by itself when that is mended",
    ("cause",),
)  # fmt: skip
KAFKA_AWAY: Final = Metric(
    "ami_normalize_kafka_away", "gauge", "1 while the brokers do not answer",
    "look at the brokers and the network; it goes on by itself",
)  # fmt: skip
BREAKER: Final = Metric(
    "ami_normalize_breaker_open", "gauge", "1 open, 0.5 half-open, 0 closed",
    "open: a key roll-out went wrong; correct the keys, it goes on by itself",
)  # fmt: skip
PARKED_WAITING: Final = Metric(
    "ami_normalize_parked_waiting", "gauge", "parked records of the partitions owned that nothing has resolved yet",
    "`ami parked ls` says what they wait for",
)  # fmt: skip
INFO: Final = Metric(
    "ami_normalize_in_force", "gauge", "1, with the versions in force as labels",
    "differs between processes for long: one of them cannot read its mapping",
    ("decoder", "mapping"),
)  # fmt: skip

WORKER_UP: Final = Metric(
    "ami_normalize_worker_up", "gauge", "1 while a worker of `--workers` answers its supervisor",
    "0 for long: look at what it said last",
    ("worker",),
)  # fmt: skip
WORKER_RESTARTS: Final = Metric(
    "ami_normalize_worker_restarts", "counter", "times a worker of `--workers` was started again",
    "grows: look at what it said last; an error comes again and again",
    ("worker",),
)  # fmt: skip

METRICS: Final = (
    HEALTHY, LAG, OLDEST, COMMITTED_OFFSET, LAST_COMMIT, PARTITIONS, RECORDS, OUTPUTS, REFUSED, BATCH_RECORDS,
    BATCH_SECONDS, COMMIT_SECONDS, ABORTS, REBUILDS, REBALANCES, OVERSIZE, HELD, KAFKA_AWAY, BREAKER,
    PARKED_WAITING, INFO,
)  # fmt: skip
"""Those of a normalizer, the most telling first; with `--workers` each has the label `worker` beside its own."""

WORKER_METRICS: Final = (WORKER_UP, WORKER_RESTARTS)
"""Those of a supervisor."""
