"""The contracts of AMI Gateway.

Messages are generated from `schemas/proto` and live in the namespace `ami` (`ami.raw.v1.exchange_pb2`,
`ami.readings.v1.meter_readings_pb2`, `ami.events.v1.meter_events_pb2`, `ami.ledger.v1.progress_pb2`,
`ami.watch.v1.meter_state_pb2`).
"""
