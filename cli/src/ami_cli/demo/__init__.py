"""`ami demo`: six virtual meters, an agent, a normalizer and a real Kafka, each its own process, and what they do.

`scene` says which meters there are, `children` runs processes and ends them, `watch` follows the topics, `screen` shows
it, `run` is the order of events.
"""
