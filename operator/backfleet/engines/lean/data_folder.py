"""The shell script that prepares LEAN's data folder before LEAN starts.

LEAN's providers for the dated zips of `lean data download` look back nine days (factor files) and a month (map files) from
today. Its providers for plain files ignore the zips. If there are such zips, LEAN therefore gets a folder of links to the data.
There the newest zips are unpacked next to the plain files, and plain files take precedence. No result depends on today's date.
"""

from backfleet.core import wire

LINKS_FOLDER = f"{wire.SCRATCH_PATH}/lean-data"

SCRIPT = """\
data=$1 links=$2; shift 2
newest() { ls "$data/equity/usa/$1" 2>/dev/null | grep -E "^$1_[0-9]{8}\\.zip$" | sort | tail -n 1; }
link() { for each in "$1"/*; do if [ "${each##*/}" != "$3" ] && [ -e "$each" ]; then ln -s "$each" "$2/"; fi; done; }
unpack() {
  if command -v unzip > /dev/null; then unzip -q -n "$1" -d "$2"; return; fi
  "$(command -v python3 || command -v python)" -c 'import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        if os.path.basename(name) == name and not os.path.lexists(os.path.join(sys.argv[2], name)):
            archive.extract(name, sys.argv[2])' "$1" "$2"
}
prepare() {
  mkdir -p "$links/equity/usa" || return
  link "$data" "$links" equity && link "$data/equity" "$links/equity" usa || return
  for each in "$data"/equity/usa/*; do
    kind=${each##*/}
    case $kind in
      factor_files | map_files)
        zip=$(newest "$kind")
        cp -rs "$each" "$links/equity/usa/" || return
        if [ -n "$zip" ]; then unpack "$each/$zip" "$links/equity/usa/$kind" || return; fi ;;
      *) ln -s "$each" "$links/equity/usa/" || return ;;
    esac
  done
}
if [ -n "$(newest factor_files)$(newest map_files)" ]; then
  if ! prepare; then
    echo "backfleet: cannot unpack the factor and map files below $data. Use an image that has unzip or python3." >&2
    exit 1
  fi
  set -- "$@" --data-folder "$links"
fi
exec "$@"
"""
"""It needs /bin/sh, coreutils and grep; for zips also unzip or Python."""


def prepared(data_folder: str, launcher: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that prepares the data folder and then runs the launcher."""
    return ("/bin/sh", "-c", SCRIPT, "lean-data", data_folder, LINKS_FOLDER, *launcher)
