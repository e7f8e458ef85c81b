"""How fast the engine is here: small networks of every kind, timed alone and beside a plain kernel.

`cases` holds the networks, `naive` the plain kernel, `measure` the clock, `report` what people and machines read of
it; the command is ``saltation bench``.
"""
