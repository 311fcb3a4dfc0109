"""Entry point of `python hack/verify_lean`."""

import sys
from pathlib import Path

# Run as a folder, Python puts the folder itself on the path; the package's root is two up.
sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from hack.verify_lean.commands import main  # noqa: E402

sys.exit(main())
