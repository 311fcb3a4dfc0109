"""Generates files of the repository from their sources: `python -m hack.generate`."""
