"""Embedding: a kernel in programs that are not on trio.

Import it from the room of your program: `detent.tools.embed.asyncio`, or `detent.tools.embed.sync` where there is no
loop at all. In a program on trio there is nothing to embed: `detent.open_kernel` is an ordinary block there.
"""

__all__: list[str] = []
