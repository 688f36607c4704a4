#!/bin/bash
# tests/bench/run.sh - run the benches, print the table, write build/bench.json.
#
# usage: OUT=build/gcc tests/bench/run.sh [save|apply|wire|hub|daemon...]   (default: all of them)
#        OUT=build/gcc tests/bench/run.sh peers   others' programs, beside ours as measured last
#
# TMPDIR holds the databases: a real disk (default: OUT).  BENCH_PERCENT=10: a tenth of the rows,
# for a look only.
set -eu
cd "$(dirname "$0")/../.."
OUT=${OUT:-build/gcc}
TMPDIR=${TMPDIR:-$OUT}
TMPDIR=$(mktemp -d "$TMPDIR/bench.XXXXXX")
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' INT TERM
export OUT TMPDIR PYTHONDONTWRITEBYTECODE=1
BUILD=$(dirname "$OUT")
FIGURES=$OUT/bench-lines
mkdir -p "$FIGURES"

case $(stat -f -c %T "$TMPDIR") in
tmpfs | ramfs)
	echo "bench: TMPDIR=$TMPDIR is in memory; set it to a directory on a disk" >&2
	exit 1
	;;
esac

bench_run() { # name command...
	local name=$1 start=$SECONDS
	shift
	echo "bench: $name ..." >&2
	if "$@" >"$FIGURES/$name.new"; then
		mv "$FIGURES/$name.new" "$FIGURES/$name"
	else
		echo "bench: $name failed; again by itself: OUT=$OUT tests/bench/run.sh $name" >&2
		failed=1
	fi
	echo "bench: $name took $((SECONDS - start)) s" >&2
}

failed=0
[ $# -gt 0 ] || set -- save apply wire hub daemon
for name; do
	case $name in
	save | apply | wire | hub) bench_run "$name" "$OUT/tests/bench/bench_$name" ;;
	daemon)
		if [ -x "$OUT/ocop" ]; then
			bench_run daemon tests/bench/daemon.py "$OUT/ocop"
		else
			echo "bench: $OUT/ocop is not there: no figures of the daemon" >&2
		fi
		;;
	peers) bench_run peers tests/bench/peers.py ;;
	*)
		echo "bench: there is no bench '$name'" >&2
		exit 2
		;;
	esac
done
found=$(ls -d "$FIGURES"/* | grep -v -e /peers -e '\.new$' || true)
# shellcheck disable=SC2086
tests/bench/report.py --json "$BUILD/bench.json" --peers "$FIGURES/peers" $found
exit $failed
