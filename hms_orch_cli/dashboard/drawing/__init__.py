"""Drawings of the page, as SVG: a saga with its undo path, the times of a run, columns of numbers."""
