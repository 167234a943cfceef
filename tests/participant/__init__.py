"""Participants: how they are called, and a service that behaves as badly as asked."""
