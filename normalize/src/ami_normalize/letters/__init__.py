"""Dead letters and parked records, for people: found, counted, explained, and asked for again.

`letter` one of them · `choice` which ones · `overview` how many, by reason · `scan` the topics read once, up to now ·
`request` ask the owner of a partition to process one again
"""
