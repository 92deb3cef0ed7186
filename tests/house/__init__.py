"""The rules of the house, as tests: who imports whom, how long a file may be, what a face shows."""
