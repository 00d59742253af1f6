"""The normalizer on Kafka: raw records in; readings, events, dead letters and parked records out, exactly once.

`settings` how it runs · `inputs` keys, mappings and `routes_in_force`, taken over when they change · `derived` how a
raw record ends, as records · `processor` a batch to what is written · `routing` readings also to topics of routes ·
`breaker` stops the line after a bad key roll-out, by how the meters `fared` · `waiting` what is parked, and for what,
and `redrive` what tries it again · `run` the loop, until asked to stop
"""
