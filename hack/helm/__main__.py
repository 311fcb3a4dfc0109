"""Entry point of `python hack/helm COMMAND`."""

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("helm_python") is None:
    raise SystemExit(
        f"hack/helm needs the development packages; run it with .venv/bin/python instead of {sys.executable}"
    )

# Python puts the folder itself on the path; the package `hack` is two levels up.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from hack.helm.commands import main  # noqa: E402

sys.exit(main())
