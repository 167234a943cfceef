"""hms-orch: a saga orchestrator as a command-line toolchain."""

__version__ = "0.1.0"
