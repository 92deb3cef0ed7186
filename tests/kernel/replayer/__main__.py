"""Prints the log of every run of the corpus. Run by other versions of Python, to see whether they write the same.

python -m tests.kernel.replayer > tests/kernel/replayer/recorded.run.jsonl
"""

import sys

from tests.kernel.replayer.corpus import logs


def main() -> None:
    """Every line of every run."""
    for lines in logs().values():
        sys.stdout.buffer.writelines(lines)


if __name__ == "__main__":
    main()
