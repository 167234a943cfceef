"""The installed commands as a user meets them: real processes, a real SQLite file, real sockets."""
