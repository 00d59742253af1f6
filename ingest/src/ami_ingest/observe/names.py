"""Every metric of the agent: its name, its labels, what it says, and what it tells you to do.

The label sets are bounded: groups by the configuration, codes and states by their lists, lines by `MOST_LINES`.
"""

from __future__ import annotations

from typing import Final

from ami_ingest.histogram import SECONDS
from ami_ingest.meters.signal import strengths
from ami_kafka.observe.metric import Metric

MOST_LINES: Final = 100
"""Lines with errors that are told apart, the worst first; the rest together are `other`."""

HEALTHY: Final = Metric(
    "ami_agent_healthy", "gauge", "1 while there is progress, or nothing to do, or only Kafka is away",
    "0: read the reason on the page /health",
)  # fmt: skip
STATE: Final = Metric(
    "ami_agent_state", "gauge", "1 of the state it is in: docs/agent-metrics.md names them",
    "other than working, idle: read the reason on the page /health",
    ("state",),
)  # fmt: skip
POLLS: Final = Metric(
    "ami_agent_polls", "counter", "tries to read a meter, by how they ended: OK, or the code of the error",
    "a code that grows: filter error.log for its wording, `ami ping` a meter that it names",
    ("group", "result"),
)  # fmt: skip
TURNS: Final = Metric(
    "ami_agent_turns", "counter", "turns of meters by their deadline: in-time, late, missed",
    "missed grows: see the results of the polls, waiting, concurrency and the links; late: the clock was set meanwhile",
    ("group", "outcome"),
)  # fmt: skip
IN_TIME: Final = Metric(
    "ami_agent_in_time_ratio", "gauge", "share of the turns of the last hour that were in time",
    "below what the service promises: see the results of the polls of that group",
    ("group",),
)  # fmt: skip
PHASE: Final = Metric(
    "ami_agent_phase_seconds", "histogram", "how long it took to connect, to associate, and to read",
    "growing: the network (connect), the meters' security (associate), the size of what is read (read)",
    ("phase",),
    SECONDS,
)  # fmt: skip
LAST_SUCCESS: Final = Metric(
    "ami_agent_last_poll_timestamp_seconds", "gauge", "when a meter was last read, Unix time; 0 never",
    "old while meters are due: see the results of the polls",
)  # fmt: skip
SESSIONS: Final = Metric(
    "ami_agent_open_sessions", "gauge", "associations that stand, idle ones included",
    "at the limit of concurrency all the time: raise poll.concurrency, or poll less often",
)  # fmt: skip
RUNNING: Final = Metric("ami_agent_polls_running", "gauge", "meters that are being read", "as open sessions")
WAITING: Final = Metric(
    "ami_agent_polls_waiting", "gauge", "meters that are due and wait for their turn, by priority",
    "growing: concurrency or connection rate is too low for the schedules",
    ("priority",),
)  # fmt: skip
BREAKERS: Final = Metric(
    "ami_agent_breakers_open", "gauge", "meters that are tried less often, as they failed turn after turn",
    "many at once: look at what they share, the network or a key",
)  # fmt: skip
CRC_ERRORS: Final = Metric(
    "ami_agent_crc_errors", "counter", "frames with a wrong check sequence, by line",
    "a line that grows: cabling, termination, baud rate, two masters",
    ("line",),
)  # fmt: skip
SERIAL_RESETS: Final = Metric(
    "ami_agent_serial_resets", "counter", "resets of a serial port over which nothing came in a turn, by line",
    "a line that grows: nobody answers there; check cabling, baud rate and that adapter and meters are on",
    ("line",),
)  # fmt: skip
SERIAL_RETURNS: Final = Metric(
    "ami_agent_serial_returns", "counter", "times a serial port was gone and came back, by line",
    "a line that grows: the adapter loses its contact or its power; check plug, cable and hub",
    ("line",),
)  # fmt: skip
CLOCKS_OFF: Final = Metric(
    "ami_agent_clocks_off", "counter", "checks that found a meter's clock off by more than allowed",
    "grows: find the meters in error.log; set the clocks, or let the agent do it (clock.set_over)",
    ("group",),
)  # fmt: skip
CLOCKS_SET: Final = Metric(
    "ami_agent_clocks_set", "counter", "meters' clocks set", "the same meters again and again: replace their batteries",
    ("group",),
)  # fmt: skip
SIGNAL: Final = Metric(
    "ami_agent_signal_dbm", "histogram", "what meters' modems receive, dBm, each time a schedule reads it",
    "much below -105: those meters time out; look at their antennas and their operator",
    ("group",),
    strengths().bounds,
)  # fmt: skip
SIGNALS_WEAK: Final = Metric(
    "ami_agent_signals_weak", "counter", "signals read that were weaker than allowed (signal.warn_under)",
    "grows: find the meters in error.log; look at their antennas, or try another operator",
    ("group",),
)  # fmt: skip
ROWS_MISSING: Final = Metric(
    "ami_agent_profile_rows_missing", "counter", "profile rows that a meter did not give, backfill included",
    "any: the meter was off, or its profile is shorter than the outage was",
    ("group",),
)  # fmt: skip
CALLERS: Final = Metric(
    "ami_agent_call_in_connections", "gauge", "open connections of meters that call in",
    "falls: those meters do not reach us; see their network, and where they are told to call",
)  # fmt: skip
CALLS: Final = Metric(
    "ami_agent_call_in_calls", "counter", "calls of meters: identified, unknown (to the inventory), refused (a limit)",
    "unknown grows: the log says who called; add it with what identifies it. refused: raise push.max_connections",
    ("outcome",),
)  # fmt: skip
CONNECTIONS: Final = Metric(
    "ami_agent_push_connections", "gauge", "open connections of pushing meters",
    "near push.max_connections or the file limit: raise both, `ami doctor` compares them",
)  # fmt: skip
RECEIVED: Final = Metric(
    "ami_agent_push_received_bytes", "counter", "octets that meters pushed", "falls: see the meters"
)
REFUSED: Final = Metric(
    "ami_agent_push_refused", "counter", "refused: connections by a limit, messages of unknown senders by policy",
    "grows: the log says which limit, and who; add the meters to the inventory, or see who they are",
    ("what",),
)  # fmt: skip
DROPPED: Final = Metric(
    "ami_agent_push_dropped_bytes", "counter", "octets of datagrams left out: the spool was full, or one sent too much",
    "any: make room in the spool, or bring Kafka back; the log names a peer that sends too much",
)  # fmt: skip
KERNEL_DROPS: Final = Metric(
    "ami_agent_push_kernel_drops", "counter", "datagrams that the system dropped before the agent could take them",
    "any: raise net.core.rmem_max (`ami doctor`), give the agent a core",
)  # fmt: skip
COUNTERS_MISSING: Final = Metric(
    "ami_agent_push_counters_missing", "counter", "invocation counters that never came over UDP: lost at most",
    "grows without kernel drops: the network on the way loses datagrams",
)  # fmt: skip
SPOOL_RECORDS: Final = Metric(
    "ami_agent_spool_records", "gauge", "records on disk that Kafka does not have yet",
    "growing while Kafka is there: look at the brokers and the backhaul",
)  # fmt: skip
SPOOL_BYTES: Final = Metric("ami_agent_spool_bytes", "gauge", "octets of them", "near the limit: act before it is full")
SPOOL_LIMIT: Final = Metric(
    "ami_agent_spool_limit_bytes", "gauge", "the bound of the spool (spool.max_mb)", "raise it where outages are long"
)
SPOOL_FULL: Final = Metric(
    "ami_agent_spool_full", "gauge", "1 while the spool is full", "bring Kafka back, or raise spool.max_mb"
)
SPOOL_DROPPED: Final = Metric(
    "ami_agent_spool_dropped", "counter", "records that a bound of the spool removed before Kafka had them",
    "any: they are lost; raise spool.max_mb or spool.max_age, or wait when full (spool.when_full)",
)  # fmt: skip
SPOOL_DAMAGED: Final = Metric(
    "ami_agent_spool_damaged", "counter", "times a damaged spool was moved aside; what was readable was taken over",
    "any: check the disk",
)  # fmt: skip
LAG: Final = Metric(
    "ami_agent_publish_lag_seconds", "gauge", "age of the oldest record that Kafka does not have; 0 without any",
    "growing: Kafka is away or too slow",
)  # fmt: skip
PUBLISHED: Final = Metric(
    "ami_agent_published", "counter", "records that Kafka acknowledged", "stands still while the spool grows: see Kafka"
)
KAFKA_REFUSALS: Final = Metric(
    "ami_agent_kafka_refusals", "counter", "times Kafka refused records, which stayed in the spool",
    "any: the log says why; a topic that is missing: `ami topics apply`",
)  # fmt: skip
KAFKA_AWAY: Final = Metric(
    "ami_agent_kafka_away", "gauge", "1 while the brokers do not answer", "look at the brokers and the backhaul"
)
METERS: Final = Metric(
    "ami_agent_meters", "gauge", "meters of the inventory, by group", "not what it should be: see the inventory",
    ("group",),
)  # fmt: skip
CONFIG: Final = Metric(
    "ami_agent_config_in_force", "gauge", "1, with the fingerprint of the configuration in force",
    "differs from what was rolled out: the log says why a reload was refused",
    ("fingerprint",),
)  # fmt: skip
CONFIG_LOADED: Final = Metric(
    "ami_agent_config_loaded_timestamp_seconds", "gauge", "when the configuration in force was loaded, Unix time",
    "older than the last roll-out: the log says why a reload was refused",
)  # fmt: skip

METRICS: Final = (
    HEALTHY, STATE, POLLS, TURNS, IN_TIME, PHASE, LAST_SUCCESS, SESSIONS, RUNNING, WAITING, BREAKERS, CRC_ERRORS,
    SERIAL_RESETS, SERIAL_RETURNS, CLOCKS_OFF, CLOCKS_SET, SIGNAL, SIGNALS_WEAK, ROWS_MISSING, CALLERS, CALLS,
    CONNECTIONS, RECEIVED, REFUSED, DROPPED, KERNEL_DROPS, COUNTERS_MISSING, SPOOL_RECORDS, SPOOL_BYTES, SPOOL_LIMIT,
    SPOOL_FULL, SPOOL_DROPPED, SPOOL_DAMAGED, LAG, PUBLISHED, KAFKA_REFUSALS, KAFKA_AWAY, METERS, CONFIG,
    CONFIG_LOADED,
)  # fmt: skip
"""The most telling first."""
