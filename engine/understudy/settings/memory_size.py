"""Amounts of memory as people write them, such as 8GiB."""

from __future__ import annotations

import re

from understudy.errors import SettingsError

__all__ = ["parse_memory", "shown_memory"]

_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([KMGT]?)(I?)B?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LARGEST = 1 << 50


def parse_memory(text: str) -> int:
    """Bytes in an amount such as `8GiB`, `8192MiB` or `8GB`; with an i a step is 1024, without it 1000.

    Raises:
        SettingsError: The text is no amount of memory.
    """
    match = _AMOUNT.fullmatch(text.strip())
    amount = 0
    if match is not None and (match[2] or not match[3]):
        step = 1024 if match[3] else 1000
        amount = int(float(match[1]) * step ** _POWERS[match[2].lower()])
    if not 0 < amount <= _LARGEST:
        raise SettingsError(f"'{text[:40]}' is no amount of memory; write it as 8GiB.", text=text[:40])
    return amount


def shown_memory(amount: float) -> str:
    """Bytes for people: `7.43 GiB`, `310 MiB`."""
    if amount >= 1 << 30:
        return f"{amount / (1 << 30):.2f} GiB"
    return f"{amount / (1 << 20):.{0 if amount >= 100 << 20 else 1}f} MiB"
