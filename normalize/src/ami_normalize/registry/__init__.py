"""The registry: meters, their keys over time, mappings that were in force; one compacted topic, held compactly.

| module | what |
| --- | --- |
| `timeline` | which version of each key was in force when |
| `records` | the records of the topic, written and read |
| `packed` | what is registered, in memory: an unchanging view, and the state that makes the next one |
"""
