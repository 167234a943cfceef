"""Events become runs, and runs end."""
