"""A share of every stage's parts: how several processes split a run without knowing each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """One of several equal shares, for Slurm arrays and plain ssh.

    Attributes:
        number: which, 1..of.
        of: how many there are.
    """

    number: int = 1
    total: int = 1

    def share(self, names: Sequence[str]) -> list[str]:
        """Those of a stage's parts that are this share's.

        >>> Shard(3, 8).share([str(i) for i in range(20)])
        ['2', '10', '18']
        """
        return list(names[self.number - 1 :: self.total])


WHOLE = Shard()


def read_shard(text: str | None) -> Shard:
    """Read a share from the command line.

    >>> read_shard("3/8")
    Shard(number=3, total=8)

    Raises:
        ValueError: it is not two numbers, or there is no such share.
    """
    if text is None:
        return WHOLE
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    number, total = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= total:
        raise ValueError(f"--shard must be number/of with 1 <= number <= of, as in 3/8; got {text}")
    return Shard(number, total)
