"""Routes: readings also to the topics of those who use them, `mdms.<name>.v1`: which meters, which values, which form.

`route` one route · `outputs` what of a message goes where, for any path that makes readings · `framing` what stands
before a value or in a header · `check` what is wrong with a file of routes · `watched` the routes in force
"""
