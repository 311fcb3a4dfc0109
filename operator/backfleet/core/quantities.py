"""Kubernetes quantities of CPU and memory, as exact numbers that can be compared."""

import re
from decimal import Decimal

PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,3})?(m|k|M|G|Ki|Mi|Gi)?$"

_PARTS = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(m|k|M|G|Ki|Mi|Gi)?")
_UNITS = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
}


def parse_quantity(text: str) -> Decimal:
    """Cores or bytes of a quantity such as 500m, 1.5 or 512Mi; ValueError for any other text."""
    found = _PARTS.fullmatch(text)
    if found is None:
        raise ValueError(f"not a quantity: {text!r}")
    return Decimal(found[1]) * _UNITS[found[2]]
