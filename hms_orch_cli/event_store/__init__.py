"""The log and its derived tables: `memory` and `sqlite` behind one port, `holder` for one writer at a time, and before
them the journals: `group_commit` (for `up`) and `inline` (for short commands)."""
