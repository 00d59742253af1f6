"""The archive: Kafka records in Avro object container files, beyond the retention of their topics.

`record` a record as it is kept · `ranges` which file an offset belongs to · `container` the form of a file ·
`folder` the files of a partition, grown and read · `run` from Kafka into files, until the end or for ever

A partition's offsets are cut at multiples of a count, where a new day begins, and where a file gets long. Where a file
ends follows from the records alone: whoever archives the same offsets again writes the same bytes to the same names.
"""
