"""What a running normalizer tells about itself: metrics and health, without slowing it down.

`names` every metric and what it tells you to do · `tally` how a batch ended, told once it is committed · `health`
progress or not, and why not · `lag` how far behind it is, asked aside · `observer` all of it
"""
