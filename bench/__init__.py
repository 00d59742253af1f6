"""Measurements: `python -m bench` runs all, `python -m bench NAME --json` one."""
