"""The normalizer on Kafka: raw records in; readings, events, dead letters and parked records out, exactly once.

`settings` how it runs · `inputs` keys and mappings, taken over when they change · `derived` how a raw record ends, as
records · `processor` a batch to what is written · `run` the loop, until asked to stop
"""
