"""What a running agent tells about itself: metrics and health by progress.

`names` every metric and what it tells you to do · `snapshot` what is now, as plain numbers · `ratio` how many turns
were in time, of late · `health` progress or not, and why not · `observer` all of it, for the endpoint
"""
