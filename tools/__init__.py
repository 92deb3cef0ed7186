"""Everything that touches the world: the command line, and what tests of machines are made of.

Import what you need from its own room: `detent.tools.testing`, `detent.tools.cli`.
"""

if __name__.partition(".")[0] != "detent":
    raise ImportError(f"import me as detent.tools, not as {__name__}")

__all__: list[str] = []
