#!/usr/bin/env bash
# kill -9 at any instant: every save that was answered is there afterwards, the replica is whole, and sync goes on.
. "$(dirname "$0")/common.bash"

rounds=${KILL_ROUNDS:-8}
answered=$tmp/answered
: >"$answered"

saver() { # NODE NUMBER: saves one product after the other and notes the keys that were answered
	local i key
	for i in $(seq 1 200); do
		key=$("$OCOP" --data "$tmp/$1" put product new name="P $2 $i" unit=18538 2>/dev/null) || return
		echo "$1 $key" >>"$answered"
	done
}

lost() { # keys answered that their node does not hold
	local node
	for node in A C; do
		"$OCOP" --data "$tmp/$node" --json list product >"$tmp/list" || echo "list of $node failed"
		python3 - "$tmp/list" "$answered" "$node" <<'PY'
import json, sys
held = {row["key"] for row in json.load(open(sys.argv[1]))}
for line in open(sys.argv[2]):
    node, key = line.split()
    if node == sys.argv[3] and key not in held:
        print("lost", node, key)
PY
	done
}

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune" node_join "$tmp/C" 18538 "$root_url"
address=${root_url#http://}

for i in $(seq 1 "$rounds"); do
	daemon_start "$tmp/C" || break
	c_pid=$daemon_pid
	saver C "$i" &
	saver_c=$!
	saver A "$i" &
	saver_a=$!
	sleep "0.$((RANDOM % 6 + 2))"
	kill -9 "$c_pid"
	[ $((i % 2)) = 0 ] && kill -9 "$root_pid"
	wait "$c_pid" 2>/dev/null
	kill "$saver_c" "$saver_a" 2>/dev/null
	wait "$saver_c" "$saver_a" 2>/dev/null
	if [ $((i % 2)) = 0 ]; then
		wait "$root_pid" 2>/dev/null
		daemon_start "$tmp/A" "$address" || break
		root_pid=$daemon_pid
	fi
done
check "saves were answered ($(wc -l <"$answered"))" test "$(wc -l <"$answered")" -ge "$rounds"
equal "none of them is lost" "$(lost)" ""
check "verify the master" "$OCOP" --data "$tmp/A" verify
check "verify the commune" "$OCOP" --data "$tmp/C" verify

# Command lines that write by themselves, killed.
daemon_stop "$root_pid"
for i in $(seq 1 "$rounds"); do
	python3 - >"$tmp/lines" <<'PY'
for n in range(400):
    print('{"changes":[{"table":"product","key":"new","set":{"name":"Q %d","unit":"18538"}}]}' % n)
PY
	"$OCOP" --data "$tmp/A" apply "$tmp/lines" >"$tmp/keys" 2>/dev/null &
	apply=$!
	sleep "0.0$((RANDOM % 9 + 1))"
	kill -9 "$apply" 2>/dev/null
	wait "$apply" 2>/dev/null
	# A line that was cut in writing is no answer.
	grep -E '^[0-9a-z]{26}$' "$tmp/keys" | sed 's/^/A /' >>"$answered"
done
equal "apply: none of the answered lines is lost" "$(lost)" ""
check "apply: verify" "$OCOP" --data "$tmp/A" verify

# sync killed at either side goes on to an equal end.
daemon_start "$tmp/A" "$address"
root_pid=$daemon_pid
for i in $(seq 1 "$rounds"); do
	"$OCOP" --data "$tmp/C" sync >/dev/null 2>&1 &
	one=$!
	sleep "0.0$((RANDOM % 9 + 1))"
	kill -9 "$one" 2>/dev/null
	wait "$one" 2>/dev/null
done
check "sync after the kills" "$OCOP" --data "$tmp/C" sync --json
equal "ends equal" "$(json "$out" 'd["equal"]')" True
check "same digest of what both hold" test "$(digest "$tmp/A" --unit 18538)" = "$(digest "$tmp/C" --unit 18538)"
equal "nothing is lost at the end" "$(lost)" ""
check "verify the master at the end" "$OCOP" --data "$tmp/A" verify
check "verify the commune at the end" "$OCOP" --data "$tmp/C" verify
exit $failed
