"""Front ends: what people write when they do not write a machine. Each ends in a kernel Machine.

There are none yet: the kernel comes first.
"""

if __name__.partition(".")[0] != "detent":
    raise ImportError(f"import me as detent.machines, not as {__name__}")

__all__: list[str] = []
