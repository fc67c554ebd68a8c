# shellcheck shell=bash
# Sourced by the scripts that work on the whole tree: where the tree is, how to speak, how to run one
# step in sight of whoever waits. Needs bash; leaves the caller in the root of the tree.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
# shellcheck source=scripts/packages
. "$root/scripts/packages"

me=scripts/$(basename "$0")
say() { printf '%s\n' "$*" >&2; }
usage_error() {
  say "$me: $1; $me -h says more"
  exit 2
}
# help: the comment at the head of the calling script.
help() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

# clock SECONDS -> 1m05s
clock() {
  if [ "$1" -ge 60 ]; then printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); else printf '%ds' "$1"; fi
}

# step LABEL LOG COMMAND...: runs COMMAND with all its output in LOG. Shows LABEL, the last line of
# the log and the time: on a terminal once a second on one line, elsewhere a line every 30 s.
# Returns the status of COMMAND. Ctrl-C ends both.
step() {
  local label=$1 log=$2 start=$SECONDS pid status=0 shown=0 line
  shift 2
  mkdir -p "$(dirname "$log")"
  # A process group of its own, so that ending it ends all that it started.
  set -m
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  set +m
  trap 'kill -- "-$pid" 2>/dev/null; wait "$pid" 2>/dev/null; say; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then
      line="$label $(clock $((SECONDS - start))) $(tail -n 1 "$log" | tr -cd '[:print:]')"
      printf '\r\033[K%.*s' "$((${COLUMNS:-80} - 1))" "$line" >&2
      sleep 1
    else
      if [ $((SECONDS - start - shown)) -ge 30 ]; then
        shown=$((SECONDS - start))
        say "$label $(clock "$shown") $(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c 1-80)"
      fi
      sleep 0.2
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM
  if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then printf '\r\033[K' >&2; fi
  return "$status"
}

# tool NAME: the path of a tool of LLVM 14, which Debian installs with and without the version.
tool() { command -v "$1-14" || command -v "$1"; }
