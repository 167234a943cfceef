"""What a user can ask for, once: commands and the HTTP API call the same functions."""
