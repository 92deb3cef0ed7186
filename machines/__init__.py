"""Front ends: what people write when they do not write a machine. Each ends in a kernel Machine.

`detent.machines.classic` carries machines of the `transitions` package over; it needs that package.
`detent.machines.limits` makes machines of limiters and breakers, to draw and to check them.
"""

if __name__.partition(".")[0] != "detent":
    raise ImportError(f"import me as detent.machines, not as {__name__}")

__all__: list[str] = []
