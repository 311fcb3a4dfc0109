"""How supervisor and driver reach an image that has nothing of Backfleet: compressed, in one variable of the container."""

import base64
import json
import zlib
from functools import cache
from pathlib import Path

from backfleet.core import wire

MODULES = ("channel", "python_state", "driver", "folders", "orders", "process", "supervisor")
"""What travels, in the order in which the modules of the supervisor import one another."""
CODE_NO_PYTHON = 69
"""EX_UNAVAILABLE of sysexits.h."""

# No single quotes: the shell puts it into some.
_LOADER = f"""\
import base64, json, os, sys, types, zlib
sources = json.loads(zlib.decompress(base64.b64decode(os.environ.pop("{wire.ENV_WARM_PROGRAM}"))))
package = sys.modules["warm"] = types.ModuleType("warm")
package.__path__ = []
for name in ("folders", "orders", "process", "supervisor"):
    module = sys.modules["warm." + name] = types.ModuleType("warm." + name)
    module.__package__ = "warm"
    setattr(package, name, module)
    exec(compile(sources[name], "warm/" + name + ".py", "exec"), module.__dict__)
sys.exit(module.main(os.environ, sys.argv[1:], sources))
"""
SCRIPT = f"""\
if ! command -v python3 > /dev/null; then
  echo "This image has no python3, which warm backtests need. Set spec.engine.warm to never." >&2
  exit {CODE_NO_PYTHON}
fi
exec python3 -I -S -c '{_LOADER}' "$@"
"""
"""Python ignores whatever a member may have left in the folders and variables in which it looks for modules."""


def supervised(launcher: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs the members of a pack with that launcher."""
    return ("/bin/sh", "-c", SCRIPT, "lean-warm", *launcher)


@cache
def program() -> str:
    """Return the value of the variable that carries the modules."""
    folder = Path(__file__).parent
    sources = {name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in ("__init__", *MODULES)}
    return base64.b64encode(zlib.compress(json.dumps(sources).encode(), 9)).decode("ascii")
