"""The shell script that runs a pack: the engine's command for one member after another, and a report of each. It exits 0.

The command runs from the first member that has no report. It runs one member; or, if it has a limit of its own
(BACKFLEET_COMMAND_TIMEOUT_SECONDS), several, and leaves their reports itself (`engines.forking`). When it ends otherwise, the
shim writes the report of the member that ran, and starts the command again from the next one. No further member begins
once the time of the pack is over. While a member runs, the termination message of the container is its position: that is all
that is left when the kernel kills the container as a whole.

Between two members nothing survives: the processes of the command are killed (as process 1 of its container the shim kills
all others), and the scratch folders are emptied.

An engine may name a file that it needs: if that file is missing, the shim reports it and does not start the engine. An engine
may also name a file and a line in it that says that all results are written: if its process still runs two seconds later,
the shim ends it. A strategy can forge that line, but then it only ends itself: the files decide. The shim also copies a data
file that the recorder needs to the results.
"""

from backfleet.core import wire
from backfleet.engines.reports import MEMBER_LINE, MEMBER_REPORT, PACK_REPORT

KILL_GRACE_SECONDS = 5
DONE_GRACE_SECONDS = 2
COMMAND_SLACK_SECONDS = 10
"""How much longer a command with several members may take than its members may."""
MAX_WORDS_BYTES = 64 * 1024
MAX_KEPT_BYTES = 1024 * 1024
CODE_FILE_MISSING = 66
"""The file that the engine needs is missing, so it was not started: EX_NOINPUT of sysexits.h."""

_CLOCKS = f"""\
now() {{
  moment=$(date -u +%s%3N 2>/dev/null)
  case $moment in
    *[!0-9]*) ;;
    ?????????????) echo "$moment"; return ;;
  esac
  echo "$(date -u +%s)000"
}}
clock() {{
  if read -r up _ 2>/dev/null < /proc/uptime; then
    part=1${{up#*.}}
    echo "$((${{up%.*}} * 1000 + (part - 100) * 10))"
  else
    echo "$(date -u +%s)000"
  fi
}}
oom() {{
  for events in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$events" ] || continue
    while read -r key count; do
      if [ "$key" = oom_kill ]; then echo "$count"; return; fi
    done < "$events"
  done
}}
find_member() {{
  at=$1
  for span in ${wire.ENV_PACK_MEMBERS}; do
    count=${{span#*:}} count=${{count%:*}}
    if [ "$at" -lt "$count" ]; then
      index=$((${{span%%:*}} + at)) number=${{span##*:}}
      return 0
    fi
    at=$((at - count))
  done
  return 1
}}
"""
"""Milliseconds of the calendar (busybox may have seconds alone) and of a monotonic clock, in hundredths of a second; OOM
kills in the container so far; index and attempt of the member at a position."""

_MEMBER = f"""\
configure() {{
  parts=${wire.ENV_ENGINE_CONFIG}
  {{
    printf '%s%s' "$(printf '%s\\n' "$parts" | sed -n 1p)" "$results/$position"
    printf '%s' "$(printf '%s\\n' "$parts" | sed -n 2p)"
    printf '%s' "$(printf '%s\\n' "${wire.ENV_ENGINE_CONFIG_LINES}" | sed -n "$((position + 1))p")"
    printf '%s' "$(printf '%s\\n' "$parts" | sed -n 3p)"
  }} > "${wire.ENV_ENGINE_CONFIG_PATH}"
}}
prepare() {{
  rm -rf "$results/$position"
  mkdir "$results/$position"
  {{ printf '%s' "$position" > "$log"; }} 2>/dev/null
  if [ -z "${wire.ENV_COMMAND_TIMEOUT}" ]; then
    printf '{MEMBER_LINE.strip()}\\n' "$index" "$number" "$((position + 1))" "$size"
  fi
  if [ -n "${wire.ENV_ENGINE_CONFIG_PATH}" ]; then configure; fi
  if [ -f "${wire.ENV_KEPT_FILE}" ]; then
    head -c {MAX_KEPT_BYTES} "${wire.ENV_KEPT_FILE}" > "$results/$position/{wire.SHIM_KEPT_FILE}"
  fi
}}
start() {{
  rm -f "$words.pipe"
  if [ -n "${wire.ENV_NEEDED_FILE}" ] && [ ! -f "${wire.ENV_NEEDED_FILE}" ]; then
    echo "file not found: ${wire.ENV_NEEDED_FILE}. The engine was not started." >&2
    exit {CODE_FILE_MISSING}
  fi
  exec timeout -k {KILL_GRACE_SECONDS} "$limit" "$@"
}}
keep() {{
  tee /dev/fd/3 3>&1 >&2 | tail -c {MAX_WORDS_BYTES} > "$words.part"
  rm -rf "$words"
  mv "$words.part" "$words"
}}
is_done() {{
  done_file=$results/$position/${wire.ENV_DONE_FILE}
  [ -f "$done_file" ] && tail -c 4096 "$done_file" 2>/dev/null | grep -qF "${wire.ENV_DONE_TEXT}"
}}
run() {{
  started=$(now) began=$(clock) kills=$(oom) ended=0
  rm -rf "$words" "$words.pipe" "$words.part"
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
  ran=$(($(clock) - began)) finished=$(now)
  kill -KILL "-$engine" 2>/dev/null
  tries=0
  while [ -e "$words.part" ] && [ "$tries" -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
  if [ "$own" = 1 ]; then kill -KILL -1 2>/dev/null; fi
}}
report() {{
  folder=$results/$position
  if [ -L "$folder" ] || [ ! -d "$folder" ]; then rm -rf "$folder"; mkdir "$folder"; fi
  rm -rf "$folder/{wire.SHIM_EXIT_FILE}" "$folder/{wire.SHIM_STDERR_FILE}"
  if [ -f "$words" ]; then mv "$words" "$folder/{wire.SHIM_STDERR_FILE}"; fi
  after=$(oom)
  printf '{MEMBER_REPORT}' "$code" "$started" "$finished" "$((${{after:-0}} - ${{kills:-0}}))" "$ended" "$ran" "${{limit}}000" \\
    > "$folder/{wire.SHIM_EXIT_FILE}"
}}
"""

_PACK = f"""\
skip_reported() {{
  while [ -f "$results/$position/{wire.SHIM_EXIT_FILE}" ]; do position=$((position + 1)); done
}}
empty() {{
  printf '%s\\n' "${wire.ENV_SCRATCH_PATHS}" | while IFS= read -r each; do
    [ -d "$each" ] || continue
    rm -rf "$each"/* "$each"/.[!.]* "$each"/..?* 2>/dev/null
    [ -n "$(ls -A "$each")" ] || continue
    chmod -R u+rwx "$each"/* "$each"/.[!.]* "$each"/..?* 2>/dev/null
    for entry in "$each"/* "$each"/.[!.]* "$each"/..?*; do rm -rf "$entry"; done
  done
}}
results=${{{wire.ENV_RESULTS_PATH}:-{wire.RESULTS_PATH}}}
log=${{{wire.ENV_TERMINATION_LOG}:-{wire.TERMINATION_LOG}}}
words=$results/{wire.SHIM_STDERR_FILE}
limit=${{{wire.ENV_COMMAND_TIMEOUT}:-${wire.ENV_BACKTEST_TIMEOUT}}}
read -r own _ 2>/dev/null < /proc/self/stat
size=0
for span in ${wire.ENV_PACK_MEMBERS}; do count=${{span#*:}} size=$((size + ${{count%:*}})); done
position=0 begun=0
skip_reported
opened=$(clock)
while find_member "$position"; do
  left=$(({wire.ENV_PACK_SECONDS} * 1000 - $(clock) + opened))
  if [ "$begun" = 1 ] && [ "$left" -le 0 ]; then break; fi
  if [ "$begun" = 1 ]; then empty; fi
  begun=1 first=$position
  export {wire.ENV_PACK_FIRST}="$position" {wire.ENV_PACK_LEFT}="$left"
  prepare
  run "$@"
  if [ -n "${wire.ENV_COMMAND_TIMEOUT}" ]; then skip_reported; fi
  if find_member "$position"; then
    if [ "$code" != 0 ] || [ "$position" = "$first" ]; then
      report
      position=$((position + 1))
    fi
  fi
done
rm -rf "$words" "$results/{wire.SHIM_PACK_FILE}"
printf '{PACK_REPORT}' "$position" > "$results/{wire.SHIM_PACK_FILE}"
{{ printf '' > "$log"; }} 2>/dev/null
exit 0
"""

SCRIPT = _CLOCKS + _MEMBER + _PACK
"""The same for every image. It needs /bin/sh, coreutils or busybox, grep, and sed for a configuration.

Two dollar signs would arrive as one: Kubernetes expands variables in a command. So the shell's own process id is read.

`timeout` leads its own process group: everything that the engine left running ends with it, and nothing keeps the pipe of
stderr open. `tail` keeps the end of stderr in memory, so no file grows while the engine runs.
"""


def command(engine_command: tuple[str, ...]) -> list[str]:
    """Return the container's `command`: the shim, with the engine's command as its arguments."""
    return ["/bin/sh", "-c", SCRIPT, "shim", *engine_command]


def command_timeout_seconds(backtest_timeout_seconds: int, pack_seconds: int) -> int:
    """Return the limit of a command that runs several members: its last one begins within the pack's time."""
    return backtest_timeout_seconds + pack_seconds + COMMAND_SLACK_SECONDS
