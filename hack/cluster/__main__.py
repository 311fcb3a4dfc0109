"""Entry point of `python hack/cluster COMMAND`."""

import sys
from pathlib import Path

if sys.version_info < (3, 11):
    raise SystemExit("hack/cluster needs Python 3.11 or newer, this is " + sys.version.split()[0])

# Run as a folder, Python puts the folder itself on the path; the package is one up.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from cluster.commands import main  # noqa: E402

sys.exit(main())
