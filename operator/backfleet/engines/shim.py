"""The shell text around every engine's command: it limits the run, keeps exit code, times and OOM count, and exits 0."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backfleet.core import wire

KILL_GRACE_SECONDS = 5

SCRIPT = f"""\
out={wire.RESULTS_PATH}/{wire.SHIM_EXIT_FILE}
if [ -n "${wire.ENV_ENGINE_CONFIG_PATH}" ]; then printf '%s' "${wire.ENV_ENGINE_CONFIG}" > "${wire.ENV_ENGINE_CONFIG_PATH}"; fi
oom() {{
  cat /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events 2>/dev/null |
    grep '^oom_kill ' | tail -n 1 | cut -d' ' -f2
}}
started=$(date -u +%s)
timeout -k {KILL_GRACE_SECONDS} "${wire.ENV_BACKTEST_TIMEOUT}" "$@"
code=$?
rm -rf "$out"
printf 'code=%s\\nstarted=%s\\nfinished=%s\\noom=%s\\n' "$code" "$started" "$(date -u +%s)" "$(oom)" > "$out"
exit 0
"""
"""The same for every image: needs /bin/sh, coreutils and grep."""


def command(engine_command: tuple[str, ...]) -> list[str]:
    """The container's `command`: the shim, then the engine's own words as its arguments."""
    return ["/bin/sh", "-c", SCRIPT, "shim", *engine_command]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimReport:
    """What the shim wrote; `exit_code` None means that it wrote nothing that can be read."""

    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    oom_kills: int = 0

    @property
    def is_timeout(self) -> bool:
        """Code 124 is `timeout`'s own; 137 without an OOM kill is its KILL after the grace."""
        return self.exit_code == 124 or (self.exit_code == 137 and self.oom_kills == 0)


def parse_report(text: str) -> ShimReport:
    """Read the exit file; a line that is not `key=number` is passed over, since the strategy's code may have written it."""
    values: dict[str, int] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if value.isascii() and value.isdigit() and len(value) <= 12:
            values[key] = int(value)
    return ShimReport(
        exit_code=values.get("code"),
        started_at=_moment(values.get("started")),
        finished_at=_moment(values.get("finished")),
        oom_kills=values.get("oom", 0),
    )


def read_report(folder: Path) -> ShimReport:
    """The report in a results folder, empty when there is none; follows no link and reads at most 4 KiB."""
    path = folder / wire.SHIM_EXIT_FILE
    if path.is_symlink() or not path.is_file():
        return ShimReport()
    with path.open(encoding="utf-8", errors="replace") as file:
        return parse_report(file.read(4096))


def _moment(seconds: int | None) -> datetime | None:
    if seconds is None or seconds > 253402300799:
        return None
    return datetime.fromtimestamp(seconds, UTC)
