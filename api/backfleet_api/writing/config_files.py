"""Reads configs from the mounted folder: only regular files in it, of bounded size."""

import errno
import os
import stat
from pathlib import PurePosixPath

from backfleet.configs.documents import MAX_CONFIG_BYTES
from backfleet.core.errors import SpecInvalid, Unavailable
from backfleet_api.refusals import ConfigMissing

FIELD = "config_path"
_HINT = "name a file in the folder of configs, like team/rsi.yaml"


def read_config(folder: str | None, path: str) -> bytes:
    """Return the content of a file in the folder. Of a longer file, return one byte more than a config may have.

    Follow links only within the folder: a mounted ConfigMap consists of links. Raise SpecInvalid for a path that
    leaves the folder or is not a file, ConfigMissing if the file does not exist, Unavailable if the folder cannot be
    read.
    """
    if folder is None:
        hint = "set the chart's api.configs, or send the text as `config`"
        raise ConfigMissing(FIELD, "this API has no folder of configs", hint)
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise SpecInvalid(FIELD, f"{path!r} leaves the folder of configs", _HINT)
    try:
        return _read(os.path.realpath(folder), path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigMissing(FIELD, f"the config {path!r} does not exist", _HINT) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENXIO):
            raise SpecInvalid(FIELD, f"{path!r} cannot be read: {error.strerror}", _HINT) from error
        raise Unavailable("the folder of configs cannot be read") from error


def _read(root: str, path: str) -> bytes:
    real = os.path.realpath(os.path.join(root, path))
    if os.path.commonpath([root, real]) != root:
        raise SpecInvalid(FIELD, f"{path!r} is a link out of the folder of configs", _HINT)
    # Nothing on the way is a link now. Opened part by part, it cannot become one either.
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        parts = os.path.relpath(real, root).split(os.sep)
        for position, part in enumerate(parts):
            kind = os.O_DIRECTORY if position < len(parts) - 1 else os.O_NONBLOCK | os.O_NOCTTY
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SpecInvalid(FIELD, f"{path!r} is not a file", _HINT)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_CONFIG_BYTES + 1)
    finally:
        os.close(descriptor)
