"""Caches what is made once per machine: compiled Kubernetes, base images, wheels."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.cluster.progress import say


@contextmanager
def locked(lock: Path, what: str) -> Iterator[None]:
    """Hold a lock file. If another process holds it, say so and wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"-- waiting for another process that works on {what} (lock {lock})")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def cached_folder(target: Path, create: Callable[[Path], None]) -> Path:
    """Return the folder `target`. If it is missing, `create` fills a folder next to it, which is then renamed to it."""
    with locked(target.with_name(f".{target.name}.lock"), target.name):
        if target.exists():
            return target
        partial = target.with_name(f".{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        create(partial)
        partial.rename(target)
    return target
