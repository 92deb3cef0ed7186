"""What a kernel decides about a run, and what follows from it: rule by rule, and in the log."""
