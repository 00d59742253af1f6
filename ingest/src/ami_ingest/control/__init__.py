"""A running agent asked by a person: its meters read now, over the connections it has; how it is; reload.

`protocol` what is said, in lines of JSON · `place` the socket in the file system · `server` the agent's side · `client`
the command's side
"""
