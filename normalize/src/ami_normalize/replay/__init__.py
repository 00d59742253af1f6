"""Replay: raw records normalized again, beside what stands; what differs; and the new in place of the old.

`source` the coordinates of a raw record · `verdicts` what replay protection found live · `shadow` the topics of a
replay · `raw` records of a range, from Kafka or the archive · `plan` what a replay reads, and how far it is · `run` the
replay itself

`values` what a consumer holds · `differences` two such states compared · `spill` records by meter, on disk ·
`outcomes` how raw records ended · `diff` live against replay · `promote` the replay's values take the place of the
live ones
"""
