"""Planted bugs: each patch breaks the real code in one place, and the simulation has to find it."""
