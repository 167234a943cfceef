"""The pure middle: what a saga is, and how one run of it moves. Standard library only; no clock, no chance, no I/O."""
