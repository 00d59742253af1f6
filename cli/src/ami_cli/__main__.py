"""`python -m ami_cli` is `ami`."""

from ami_cli.main import main

main()
