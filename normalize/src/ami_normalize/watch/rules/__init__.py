"""What is found across the records of a meter: small functions over its state, without Kafka, Faust or a clock.

`presence` when it was heard · `intervals` what its profiles miss · `clock` its time against reception · `registers`
what counts upwards only · `balance` intervals against registers · `security` dead letters · `meter` all of them on a
record · `fleet` the meters of a table · `overview` who needs attention

Each rule takes the part of the state that is its own (`ami.watch.v1.MeterState`), changes it, and returns findings.
"""
