"""The words people type: one file for each verb or noun, and one file that prints."""
