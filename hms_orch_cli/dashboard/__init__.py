"""The face of a running orchestrator: the HTTP API, the live page and /metrics, all on one port."""
