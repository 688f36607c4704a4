#!/usr/bin/env bash
# Copies of a data directory at work beside each other as daemons, copies made while one runs, and kill -9 in between.
. "$(dirname "$0")/common.bash"

rounds=${COPIED_ROUNDS:-4}

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
origin() { node "$1" --json status >"$out" && json "$out" 'd["node"]'; }
copy() { # FROM TO [WITHOUT]: as cp would, of a directory in use or not
	rm -rf "${tmp:?}/$2"
	mkdir -m 700 "$tmp/$2"
	(cd "$tmp/$1" && cp -p ocop.db node.key "$tmp/$2/" && { [ "${3:-}" = wal ] || cp -p ocop.db-wal "$tmp/$2/"; }) \
		2>/dev/null || true
}
same() { # NODE…: they hold what the province holds
	local n want
	want=$(digest "$tmp/A" --unit 18538)
	for n in "$@"; do [ "$(digest "$tmp/$n" --unit 18538)" = "$want" ] || return 1; done
}
held() { # NAME NODE FILE-OF-KEYS
	node "$2" --json list product >"$tmp/list"
	equal "$1" "$(python3 - "$tmp/list" "$3" <<'PY'
import json, sys
held = {row["key"] for row in json.load(open(sys.argv[1]))}
print(*[key for key in open(sys.argv[2]).read().split() if key not in held])
PY
)" ""
}
new_key() { node "$1" put product new name="$2" unit=18538 >>"$tmp/keys"; }
start() { daemon_start "$tmp/$1" && eval "pid_$1=$daemon_pid"; }
stop() { eval "daemon_stop \$pid_$1"; }
quarantine_none() { equal "$1: nothing in quarantine" "$(node A --json quarantine)" "[]"; }

check "the master" tree_make
[ $failed = 0 ] || exit 1
pid_A=$root_pid
check "a commune" node_join "$tmp/C" 18538 "$root_url"
: >"$tmp/keys"
base=$(node C put product new name=base unit=18538)
node C sync >/dev/null
first=$(origin C)

# ---- both are daemons, and each waits at the province for news
copy C K
start C
start K
for i in 1 2 3; do
	new_key C "C $i"
	new_key K "K $i"
done
check "two copies at work agree by themselves" until_true 30 same C K
for n in A C K; do held "$n holds all" $n "$tmp/keys"; done
check "they go by two names" test "$(origin C)" != "$(origin K)"
node C put product "$base" name="by C" >/dev/null
node K put product "$base" description="by K" >/dev/null
check "and go on" until_true 30 same C K
check "as two nodes" eval 'new_key C "C later" && new_key K "K later" && until_true 30 same C K'
for n in A C K; do held "$n holds what came later" $n "$tmp/keys"; done
check "metrics of a node that yielded, or of the province, count it" eval "curl -s '$root_office/metrics' |
	grep -qx 'ocop_forks 1'"
stop K

# ---- the daemon's page and status follow the new name while it runs
copy C old
new_key C "newer than the copy"
check "sent" until_true 20 same C
before=$(origin C)
stop C
cp "$tmp/old/ocop.db" "$tmp/C/ocop.db" && rm -f "$tmp"/C/ocop.db-*
start C
office=$office_url
check "an older copy as a daemon gets back what it lost" until_true 30 same C
held "all of it" C "$tmp/keys"
after=$(origin C)
check "under a new name" test "$after" != "$before"
check "which its page shows" eval "curl -s '$office/' | grep -q '$after'"
new_key C "under the new name"
check "and goes on" until_true 20 same C

# ---- copied while the daemon runs: with its log of writes, and without
new_key C "in the log of writes"
until_true 20 same C
copy C W
copy C O wal
stop C
for n in W O; do
	new_key $n "of $n"
	node $n --json sync >"$out" 2>"$err"
	equal "$n: one round ends equal" "$(json "$out" 'd["equal"]' 2>&1) $(cat "$err")" "True "
	check "$n verifies" node $n verify
done
node W sync >/dev/null
for n in A W O; do held "$n holds all" $n "$tmp/keys"; done
equal "and the same" "$(same W O && echo yes)" yes

# ---- kill -9 at any moment
start C
for i in $(seq 1 "$rounds"); do
	stop C
	copy C K
	start C
	start K
	for j in 1 2 3 4 5; do new_key C "C $i $j"; done 2>/dev/null &
	for j in 1 2 3 4 5; do new_key K "K $i $j"; done 2>/dev/null &
	sleep 0.$((RANDOM % 9))
	victim=$((RANDOM % 3))
	case $victim in 0) victim=C ;; 1) victim=K ;; *) victim=A ;; esac
	eval "kill -9 \$pid_$victim" 2>/dev/null
	eval "wait \$pid_$victim" 2>/dev/null
	wait %?new_key 2>/dev/null
	if [ $victim = A ]; then
		daemon_start "$tmp/A" "${root_url#http://}" && pid_A=$daemon_pid
	else
		start $victim
	fi
	check "round $i: $victim was killed, all agree" until_true 60 same C K
	for n in A C K; do held "round $i: $n holds all" $n "$tmp/keys"; done
	stop K
done
stop C
quarantine_none "at the end"
for n in C K; do check "verify $n" node $n verify; done
stop A
check "verify A" node A verify
exit $failed
