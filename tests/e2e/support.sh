# Sourced by the end-to-end tests: $margay, $shared, a work folder, and three words to say what must hold.
set -euo pipefail
margay="$1"
shared="$2"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
export XDG_CACHE_HOME="$work/.cache"  # what lies on this machine changes no test
unset TORCH_HOME HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE

fail() { echo "FAILED: $*" >&2; exit 1; }

# expect_status STATUS COMMAND...: runs it; its output is in ./out, its errors in ./err.
expect_status() {
  local wanted="$1" got=0
  shift
  "$@" >out 2>err || got=$?
  [ "$got" -eq "$wanted" ] || { cat out err; fail "status $got instead of $wanted: $*"; }
}

# expect_text FILE PATTERN: an extended regular expression that must be found.
expect_text() { grep -qE -- "$2" "$1" || { cat "$1"; fail "no /$2/ in $1"; }; }

# scaled FEW MANY: how often to do what a test could do for ever; MANY where MARGAY_TEST_SCALE=full, as in the nightly tests.
scaled() {
  case "${MARGAY_TEST_SCALE:-short}" in
    short) echo "$1" ;;
    full) echo "$2" ;;
    *) fail "MARGAY_TEST_SCALE must be short or full, got '$MARGAY_TEST_SCALE'" ;;
  esac
}

need_shared() { [ -e "$shared/$1" ] || { echo "SKIPPED: $shared/$1 is not here"; exit 77; }; }

# number_after WORD FILE: the first number on the line that starts with WORD.
number_after() { sed -nE "s/^$1 +([0-9.]+).*/\1/p" "$2" | head -n 1; }
