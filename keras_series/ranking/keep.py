"""How many photos of a series are to be kept."""

from __future__ import annotations

import dataclasses
import math
import re

_NUMBER = re.compile(r"\s*(\d+)\s*", re.ASCII)
_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Keep:
    """A number of photos, or a share of them.

    Attributes:
        number: Integer, at least 1. `None` for a share.
        share: Float in (0, 1]. `None` for a number.
    """

    number: int | None = 1
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> Keep:
        """Returns what a text such as `2` or `25%` says.

        Args:
            text: String.

        Raises:
            ValueError: If it is no number of at least 1, and no share above 0% and up to 100%.
        """
        if (found := _NUMBER.fullmatch(text)) and int(found[1]) >= 1:
            return cls(int(found[1]))
        if (found := _SHARE.fullmatch(text)) and 0 < float(found[1]) <= 100:
            return cls(None, float(found[1]) / 100)
        raise ValueError(
            f"Expected --keep to be a number such as 2, or a share such as 25%. Received: {text!r}"
        )

    def of(self, count: int) -> int:
        """Returns how many of a number of photos are to be kept, at least one if there is one.

        Args:
            count: Integer, number of the photos.

        Example:

        >>> Keep.parse("25%").of(9), Keep.parse("2").of(1), Keep.parse("1%").of(5)
        (3, 1, 1)
        """
        if self.number is not None:
            return min(self.number, count)
        # Rounding errors must not add a photo: 0.07 * 100 is 7.000000000000001.
        return math.ceil(round(self.share * count, 6))
