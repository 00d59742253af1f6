"""Everything that touches Kafka: clients, topics, the transactional loop, a local broker.

A raw record comes in through `ami_kafka.loop`, and what becomes of it goes out in the same transaction.
`ami_kafka.broker` runs a real Kafka on this machine, without Docker.
"""
