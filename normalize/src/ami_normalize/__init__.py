"""Normalization: what a meter said, as the agent kept it, becomes readings that any consumer understands.

`pipeline` is a pure function of a raw record; `service` runs it on Kafka, `offline` on a line of JSON.
"""
