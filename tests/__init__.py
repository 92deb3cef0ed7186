"""The tests. `python -m tests` runs everything; see __main__."""
