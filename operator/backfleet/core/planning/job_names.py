"""Names of Jobs: deterministic, so that a repeat after a crash finds the same Job."""

import hashlib
import re

MAX_LABEL_LENGTH = 63
"""The longest name: the Job controller copies it into a label value, which may have 63 characters (not 253)."""

_UID_DIGITS = 8
_NOT_IN_LABEL = re.compile(r"[^a-z0-9-]")
_NOT_HEX = re.compile(r"[^0-9a-f]")


def job_name(batch_name: str, uid: str, index: int, attempt: int) -> str:
    """Return the name of an attempt's Job, a DNS label: batch name (dots to hyphens, cut), 8 hex of the uid, index, attempt.

    The uid keeps a batch that was created again under the same name from adopting the Jobs of its predecessor.
    """
    suffix = f"-{_short_uid(uid)}-{index}-{attempt}"
    stem = _NOT_IN_LABEL.sub("-", batch_name.lower()).lstrip("-")
    stem = stem[: MAX_LABEL_LENGTH - len(suffix)].rstrip("-")
    return f"{stem or 'batch'}{suffix}"


def _short_uid(uid: str) -> str:
    digits = _NOT_HEX.sub("", uid.lower())
    if len(digits) < _UID_DIGITS:
        # Not a uid of an API server; a fake's `uid-1` and `uid-2` must still differ.
        digits = hashlib.sha256(uid.encode("utf-8", "surrogatepass")).hexdigest()
    return digits[:_UID_DIGITS]
