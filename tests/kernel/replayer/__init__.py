"""Logs that are taken again: replay, what changed and where, forks, and where two runs part."""
