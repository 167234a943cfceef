"""Who hms-orch is to a participant: signing keys, the token of an attempt, the token in a callback's address."""
