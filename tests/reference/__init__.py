"""An independent, slow and obvious reference, against which the engine is checked.

It reads the public records of a network and shares no code with the package.
"""
