"""Programs for the type checkers, and the test that has them read. The programs are never run."""
