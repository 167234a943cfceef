"""How events are followed by others."""
