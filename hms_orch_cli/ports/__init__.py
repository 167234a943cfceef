"""What the rooms above ask of one another, and of the world, as small Protocols: one file for each that a room imports.
`wiring.py` is where they meet their backends.

One colour each: the store is synchronous (commands use it as it is; a journal puts a group commit before it for the
orchestrator), participants and the journal are asynchronous.
"""
