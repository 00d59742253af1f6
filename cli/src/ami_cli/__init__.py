"""The `ami` command: one module a verb, each thin, on top of the rooms.

Only typer and rich are needed to start it. A verb imports its room when it runs; where the room is not installed, the
command names the package to install.
"""
