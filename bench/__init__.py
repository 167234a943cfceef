"""How fast hms-orch is, beside the loop that it cannot beat and the peer it is compared with: `python -m bench`."""
