"""The shell script around every engine's command. It limits the run, keeps its exit code and the end of stderr, and exits 0.

An engine may name a file that it needs: if that file is missing, the shim reports it and does not start the engine. An engine
may also name a file and a line in it that says that all results are written: if its process still runs two seconds later,
the shim ends it. A strategy can forge that line, but then it only ends itself: the files decide. The shim also copies a data
file that the recorder needs to the results.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backfleet.core import wire

KILL_GRACE_SECONDS = 5
DONE_GRACE_SECONDS = 2
MAX_WORDS_BYTES = 64 * 1024
MAX_KEPT_BYTES = 1024 * 1024
CODE_FILE_MISSING = 66
"""The file that the engine needs is missing, so it was not started: EX_NOINPUT of sysexits.h."""

SCRIPT = f"""\
out={wire.RESULTS_PATH}/{wire.SHIM_EXIT_FILE}
words={wire.RESULTS_PATH}/{wire.SHIM_STDERR_FILE}
if [ -n "${wire.ENV_ENGINE_CONFIG_PATH}" ]; then printf '%s' "${wire.ENV_ENGINE_CONFIG}" > "${wire.ENV_ENGINE_CONFIG_PATH}"; fi
kept={wire.RESULTS_PATH}/{wire.SHIM_KEPT_FILE}
if [ -f "${wire.ENV_KEPT_FILE}" ]; then head -c {MAX_KEPT_BYTES} "${wire.ENV_KEPT_FILE}" > "$kept"; fi
oom() {{
  cat /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events 2>/dev/null |
    grep '^oom_kill ' | tail -n 1 | cut -d' ' -f2
}}
seconds() {{
  read -r up _ 2>/dev/null < /proc/uptime && echo "${{up%.*}}" || date -u +%s
}}
start() {{
  rm -f "$words.pipe"
  if [ -n "${wire.ENV_NEEDED_FILE}" ] && [ ! -f "${wire.ENV_NEEDED_FILE}" ]; then
    echo "file not found: ${wire.ENV_NEEDED_FILE}. The engine was not started." >&2
    exit {CODE_FILE_MISSING}
  fi
  exec timeout -k {KILL_GRACE_SECONDS} "${wire.ENV_BACKTEST_TIMEOUT}" "$@"
}}
keep() {{
  tee /dev/fd/3 3>&1 >&2 | tail -c {MAX_WORDS_BYTES} > "$words.part"
  rm -rf "$words"
  mv "$words.part" "$words"
}}
is_done() {{
  [ -f "${wire.ENV_DONE_FILE}" ] && tail -c 4096 "${wire.ENV_DONE_FILE}" 2>/dev/null | grep -qF "${wire.ENV_DONE_TEXT}"
}}
started=$(date -u +%s)
began=$(seconds)
ended=0
rm -rf "$words.pipe" "$words.part"
if mkfifo "$words.pipe" 2>/dev/null && : > "$words.part"; then
  keep < "$words.pipe" &
  start "$@" 2> "$words.pipe" &
else
  start "$@" &
fi
engine=$!
while [ -n "${wire.ENV_DONE_FILE}" ] && kill -0 "$engine" 2>/dev/null; do
  if is_done; then
    sleep {DONE_GRACE_SECONDS}
    if kill -0 "$engine" 2>/dev/null; then
      kill -KILL "-$engine" 2>/dev/null || kill -KILL "$engine" 2>/dev/null
      ended=1
    fi
    break
  fi
  sleep 0.5
done
wait "$engine"
code=$?
[ "$code" = 137 ] || ended=0
ran=$(($(seconds) - began))
kill -KILL "-$engine" 2>/dev/null
tries=0
while [ -e "$words.part" ] && [ "$tries" -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf "$out"
{{
  printf 'code=%s\\nstarted=%s\\nfinished=%s\\n' "$code" "$started" "$(date -u +%s)"
  printf 'oom=%s\\nended=%s\\nran=%s\\nlimit=%s\\n' "$(oom)" "$ended" "$ran" "${wire.ENV_BACKTEST_TIMEOUT}"
}} > "$out"
exit 0
"""
"""The same for every image. It needs /bin/sh, coreutils or busybox, and grep.

`timeout` leads its own process group: everything that the engine left running ends with it, and nothing keeps the pipe of
stderr open. `tail` keeps the end of stderr in memory, so no file grows while the engine runs.
"""


def command(engine_command: tuple[str, ...]) -> list[str]:
    """Return the container's `command`: the shim, with the engine's command as its arguments."""
    return ["/bin/sh", "-c", SCRIPT, "shim", *engine_command]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimReport:
    """The shim's report. `exit_code` is None if nothing readable was written."""

    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    oom_kills: int = 0
    is_ended: bool = False
    """The engine had reported its files complete, and the shim ended it."""
    ran_seconds: int | None = None
    """By a monotonic clock: rounded, but never less than the limit when that was reached."""
    limit_seconds: int | None = None

    @property
    def is_timeout(self) -> bool:
        """Report whether the limit ended the run: code 124 (`timeout`), 143 (busybox), or 137 (KILL) without an OOM kill."""
        if self.is_early:
            return False
        is_past = self.ran_seconds is not None and self.limit_seconds is not None
        return (
            self.exit_code == 124
            or (self.exit_code == 143 and is_past)
            or (self.exit_code == 137 and self.oom_kills == 0 and not self.is_ended)
        )

    @property
    def is_early(self) -> bool:
        """Report whether the run ended before its limit; a shim of 0.2.0 does not say, which counts as False."""
        if self.ran_seconds is None or self.limit_seconds is None:
            return False
        return self.ran_seconds < self.limit_seconds


def parse_report(text: str) -> ShimReport:
    """Parse the exit file. Skip a line that is not `key=number`, since the strategy's code may have written it."""
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
        is_ended=values.get("ended", 0) == 1,
        ran_seconds=values.get("ran"),
        limit_seconds=values.get("limit"),
    )


def read_report(folder: Path) -> ShimReport:
    """Read the report in a results folder; empty if there is none. Follow no link and read at most 4 KiB."""
    path = folder / wire.SHIM_EXIT_FILE
    if path.is_symlink() or not path.is_file():
        return ShimReport()
    with path.open(encoding="utf-8", errors="replace") as file:
        return parse_report(file.read(4096))


def _moment(seconds: int | None) -> datetime | None:
    if seconds is None or seconds > 253402300799:
        return None
    return datetime.fromtimestamp(seconds, UTC)
