"""Kubernetes quantities of CPU, memory and storage, as exact numbers that can be compared."""

import re
from decimal import Decimal

PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,3})?(m|k|M|G|Ki|Mi|Gi)?$"
"""Quantities that a batch may request."""
SIZE_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,3})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
"""Quantities that `parse_quantity` reads."""

_PARTS = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def parse_quantity(text: str) -> Decimal:
    """Parse a quantity such as 500m, 1.5 or 512Mi to cores or bytes. Raise ValueError for any other text."""
    found = _PARTS.fullmatch(text)
    if found is None:
        raise ValueError(f"not a quantity: {text!r}")
    return Decimal(found[1]) * _UNITS[found[2]]
