#!/usr/bin/env bash
# Rows that differ though both sides hold the same commits: found by the next comparison, told by sync, status and the
# figures of both sides; equal again once the damage is undone.
. "$(dirname "$0")/common.bash"

C() { "$OCOP" --data "$tmp/C" "$@"; }
state() { C --json status >"$tmp/status" && json "$tmp/status" 'd["state"]'; }
state_is() { [ "$(state)" = "$1" ]; }
tamper() { # DIR NAME
	python3 - "$1/ocop.db" "$2" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA ignore_check_constraints=ON")
db.execute("UPDATE product SET name = ? WHERE id = (SELECT min(id) FROM product)", (sys.argv[2],))
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
PY
}
figure() { curl -s "$1/metrics" | sed -n "s/^ocop_$2 //p"; } # OFFICE NAME

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune joins" node_join "$tmp/C" 18538 "$root_url"
check "status before" C --json status
equal "nothing was compared yet" "$(json "$out" 'd["state"], d["state_time"]')" "('unknown', None)"
key=$(C put product new name="Cam" unit=18538)
check "sync compares the rows" C --json sync --compare
equal "they are equal" "$(json "$out" 'd["equal"], d["state_equal"], d["state_requests"]')" "(True, True, 1)"
equal "and status says so" "$(state)" equal
check "when, too" test "$(json "$tmp/status" 'd["state_time"][:2]')" = 20
check "nothing to do" C --json sync
equal "is one request" "$(json "$out" 'd["requests"], d["state_requests"], d["state_equal"]')" "(1, 0, True)"
check "and few bytes" test "$(json "$out" 'd["bytes_up"] + d["bytes_down"] + d["state_bytes"]')" -lt 400

# One side's row changes behind the program's back.
check "a row is changed from outside" tamper "$tmp/C" "Cam giả"
exits "the log tells" 1 C verify
C put product new name="Bưởi" unit=18538 >/dev/null
exits "sync finds it" 1 C --json sync --compare
equal "equal is false" "$(json "$out" 'd["equal"], d["state_equal"]')" "(False, False)"
says "what to do" verify "$err"
equal "status tells" "$(state)" differs
exits "it is told again" 1 C sync
daemon_start "$tmp/C"
check "the daemon compares by itself" until_true 5 grep -q event=state_differs "$tmp/C.log"
equal "and counts" "$(figure "$office_url" state_differs)" 1
check "its parent counts too" test "$(figure "$root_office" state_differs_answered_total)" -ge 3
says "and logs it" event=state_differs_below "$tmp/A.log"
exits "sync through the daemon finds it" 1 C --json sync
equal "with its words" "$(json "$out" 'd["equal"], d["state_equal"]')" "(False, False)"
equal "the API answers with them" "$(curl -s -H 'Content-Type: application/json' -d '{}' \
	"$office_url/api/v1/sync" >"$out"; json "$out" 'd["state_equal"]')" False
daemon_stop "$daemon_pid"
check "the row is put right" tamper "$tmp/C" Cam
check "sync sees that" C --json sync
equal "equal again" "$(json "$out" 'd["equal"], d["state_equal"]')" "(True, True)"
equal "status, too" "$(state)" equal

# The parent's row.
daemon_stop "$root_pid"
check "the parent's row is changed" tamper "$tmp/A" "Cam giả"
daemon_start "$tmp/A" "${root_url#http://}"
root_pid=$daemon_pid
daemon_start "$tmp/C"
check "a daemon's first round compares" until_true 5 state_is differs
daemon_stop "$root_pid"
check "the parent's row is put right" tamper "$tmp/A" Cam
daemon_start "$tmp/A" "${root_url#http://}"
check "and equal again" C --json sync
equal "says the daemon" "$(json "$out" 'd["equal"], d["state_equal"]')" "(True, True)"
for node in A C; do check "verify $node" "$OCOP" --data "$tmp/$node" verify; done
exit $failed
