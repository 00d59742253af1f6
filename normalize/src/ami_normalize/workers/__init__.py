"""Several normalizers on one machine, kept running: `ami normalize --workers N`.

`restarts` when to start one again · `supervisor` the processes · `gathered` their metrics and health as one page ·
`supervised` a worker ends when its supervisor does
"""
