"""Mappings: files of dialects, from their text to what the pipeline asks.

`located` JSON with the place of every value · `schema` the published JSON Schema and what of a file breaks it · `check`
all that is wrong with a file, each with line, column and what to do · `dialect` what the pipeline asks · `compile` a
file to dialects · `watched` a file that takes effect when it changes
"""
