"""Saga files: YAML with places, the JSON Schema, the rules; each mistake with its place. See `check.check`."""
