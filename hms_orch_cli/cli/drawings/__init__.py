"""Drawings of a graph: in a terminal, as Mermaid, as DOT."""
