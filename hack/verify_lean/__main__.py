"""Entry point of `python hack/verify_lean`."""

import sys
from pathlib import Path

# Python puts the folder itself on the path; the root of the package is two levels up.
sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from hack.verify_lean.commands import main  # noqa: E402

sys.exit(main())
