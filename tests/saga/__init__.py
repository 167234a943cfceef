"""The machine, told as stories."""
