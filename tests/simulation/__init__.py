"""The real machine under a virtual clock, with every fault that one seed chooses. `python -m tests.simulation`."""
