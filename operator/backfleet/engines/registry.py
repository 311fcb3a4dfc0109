"""The engines by name. To add one, write its module and add a line here."""

from collections.abc import Mapping

from backfleet.engines.bars.engine import BarsEngine
from backfleet.engines.lean.engine import LeanEngine
from backfleet.engines.noop import NoopEngine
from backfleet.engines.protocol import Engine

ENGINES: Mapping[str, Engine] = {
    "bars": BarsEngine(),
    "lean": LeanEngine(),
    "noop": NoopEngine(),
}
