"""Saga tests: the real orchestrator over a store in memory, with participants and people from a script, in virtual
time."""
