"""The semantics of states, rows and effects: what SCXML says, and where we say something else."""
