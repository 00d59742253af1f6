"""What `ami doctor` looks at: each check a function that returns what it found and, where needed, what to do.

The checks read the system through their parameters' defaults, so that a test can give them another one.
`installation` · `machine` · `clock` · `serial` · `tls` · `firewall` · `agent` · `kafka` · `every` in their order
"""
