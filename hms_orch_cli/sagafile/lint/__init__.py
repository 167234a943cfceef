"""Advice on sagas that are right by the letter: one file for each family of rules, `advice.py` asks them all."""
