# tests/process/common.bash - what the process tests share.  Sourced; not a test.
#
#   check NAME COMMAND…          ok when COMMAND succeeds
#   exits NAME STATUS COMMAND…   ok when COMMAND exits with STATUS; its output is in $out and $err
#   daemon_start DIR             starts a daemon and waits until it is ready; sets $sync_url, $office_url, $daemon_pid
#   daemon_stop PID              stops it and waits for its end
#   tree_make                    a master in $tmp/A with its daemon running; sets $root_url, $root_office, $root_pid
#   node_join DIR UNIT URL       a node of UNIT in DIR below the node at URL, invited by it, or by the master when URL is
#                                none of a daemon of this test's (a proxy's)

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OCOP=${OCOP:-$top/build/ocop}
data=$top/schema/data
tmp=$(mktemp -d "${TMPDIR:-/tmp}/ocop-test.XXXXXX")
out=$tmp/out
err=$tmp/err
pids=()
failed=0

finish() {
	local pid
	for pid in "${pids[@]}"; do
		kill -9 "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$tmp"
}
trap 'finish' EXIT
trap 'exit 1' INT TERM

ok() { echo "ok $1"; }
not_ok() {
	echo "not ok $1: $2"
	failed=1
}

check() {
	local name=$1
	shift
	if "$@" >"$out" 2>"$err"; then
		ok "$name"
	else
		not_ok "$name" "status $? of $*: $(tail -n 2 "$err" | tr '\n' ' ')"
	fi
}

exits() {
	local name=$1 want=$2 got
	shift 2
	"$@" >"$out" 2>"$err"
	got=$?
	if [ "$got" = "$want" ]; then
		ok "$name"
	else
		not_ok "$name" "status $got, not $want: $(tail -n 2 "$err" | tr '\n' ' ')"
	fi
}

says() { # NAME PATTERN FILE
	if grep -qE -e "$2" "$3"; then ok "$1"; else not_ok "$1" "no \"$2\" in: $(head -c 300 "$3")"; fi
}

equal() { # NAME A B
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "\"$2\" is not \"$3\""; fi
}

until_true() { # SECONDS COMMAND…
	local end=$(($(date +%s%N) / 1000000 + $1 * 1000))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ $(($(date +%s%N) / 1000000)) -ge $end ] && return 1
		sleep 0.05
	done
}

daemon_start() { # DIR [SYNC-ADDRESS]
	local dir=$1 address=${2:-127.0.0.1:0}
	: >"$dir.ready"
	"$OCOP" --data "$dir" serve --sync "$address" --office 127.0.0.1:0 --insecure-loopback \
		>"$dir.ready" 2>>"$dir.log" &
	daemon_pid=$!
	pids+=("$daemon_pid")
	if ! until_true 10 grep -q '^ready office' "$dir.ready"; then
		not_ok "daemon of $dir starts" "$(tail -n 3 "$dir.log")"
		return 1
	fi
	sync_url=$(sed -n 's/^ready sync //p' "$dir.ready")
	office_url=$(sed -n 's/^ready office //p' "$dir.ready")
}

daemon_stop() {
	kill -TERM "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

tree_make() {
	"$OCOP" --data "$tmp/A" init --unit 42 --units "$data/units-2018.csv" >/dev/null || return 1
	daemon_start "$tmp/A"
	root_url=$sync_url
	root_office=$office_url
	root_pid=$daemon_pid
}

node_join() {
	local inviter
	inviter=$(grep -lxF "ready sync $3" "$tmp"/*.ready 2>/dev/null | head -n 1)
	inviter=${inviter%.ready}
	rm -f "$1.invitation"
	"$OCOP" --data "${inviter:-$tmp/A}" invite --unit "$2" --out "$1.invitation" >/dev/null &&
		"$OCOP" --data "$1" join "$1.invitation" --parent "$3" >/dev/null
}

digest() { "$OCOP" --data "$1" digest "${@:2}"; }

same_digest() { [ "$(digest "$1")" = "$(digest "$2")" ]; }

json() { # FILE PYTHON-EXPRESSION over d
	python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}
