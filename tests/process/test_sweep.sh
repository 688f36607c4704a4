#!/bin/bash
# What is left unfinished is swept, and a reader that never ends does not make the log grow without end: node/sweep.h.
. "$(dirname "$0")/common.bash"

tree_make
node_join "$tmp/C" 18538 "$root_url"
"$OCOP" --data "$tmp/C" sync >/dev/null

sql() { # DIR SQL…
	python3 - "$@" <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/ocop.db", isolation_level=None)
for text in sys.argv[2:]:
    for row in db.execute(text):
        print(*row)
PYTHON
}

# Transfers that nobody goes on with, files of a write that was interrupted, a socket that nobody listens on.
daemon_stop "$root_pid"
now=$(date +%s%3N)
for age in 15 13; do
	sql "$tmp/A" "INSERT INTO sync_partial(peer, start, transfer, total, came_ms, bytes) VALUES(randomblob(8), 0,
		randomblob(8), 1000, $((now - age * 86400000)), x'00')"
done
: >"$tmp/A/export.csv.123.tmp"
: >"$tmp/A/mine.tmp"
python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' "$tmp/A/ocop.sock"
daemon_start "$tmp/A" "${root_url#*://}"
root_pid=$daemon_pid
one_left() { [ "$(sql "$tmp/A" 'SELECT count(*) FROM sync_partial')" = 1 ]; }
check "a transfer of which nothing was heard for long is forgotten" until_true 5 one_left
equal "not one that came lately" "$(sql "$tmp/A" "SELECT came_ms > $now - 14 * 86400000 FROM sync_partial")" 1
check "what a write left is gone" test ! -e "$tmp/A/export.csv.123.tmp"
check "other files stay" test -e "$tmp/A/mine.tmp"
check "a dead socket is replaced" "$OCOP" --data "$tmp/A" put product new name=X unit=18538

get() { curl -s -o "$out" -w '%{http_code}' "$office_url/api/v1/$1"; }

# Somebody reads, and reads, and reads.
python3 - "$tmp/A/ocop.db" >"$tmp/reading" <<'PYTHON' &
import sqlite3, sys, time
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
db.execute("BEGIN")
print(db.execute("SELECT count(*) FROM product").fetchone()[0], flush=True)
time.sleep(120)
PYTHON
reader_pid=$!
pids+=($reader_pid)
until_true 5 test -s "$tmp/reading"
python3 - >"$tmp/lines" <<'PYTHON'
import json, random
random.seed(1)
for i in range(330):
    print(json.dumps({"unit": "18538", "changes": [{"table": "product", "key": "new", "set": {"name": f"P{i}-{k}",
        "unit": "18538", "description": "".join(random.choices("abcdefghij ", k=7500)).strip()}} for k in range(7)]}))
PYTHON
log_mb() { echo $(($(stat -c %s "$tmp/A/ocop.db-wal") >> 20)); }
for i in 1 2 3 4; do
	[ "$(log_mb)" -le 64 ] || break
	check "the local user saves much ($(log_mb) MB of log)" "$OCOP" --data "$tmp/A" apply "$tmp/lines"
done
check "the log is long: $(log_mb) MB" test "$(log_mb)" -gt 64
exits "other nodes are asked to come later" 69 "$OCOP" --data "$tmp/C" sync
length=$(log_mb)
check "the local user still saves" "$OCOP" --data "$tmp/A" put product new name=Y unit=18538
check "the log hardly grows ($(log_mb) MB)" test "$(log_mb)" -le $((length + 1))
says "it is in the log" 'event=log_full' "$tmp/A.log"
kill $reader_pid
wait $reader_pid 2>/dev/null
check "when the reader is gone they are served" until_true 15 "$OCOP" --data "$tmp/C" sync
check "and the log is short again ($(log_mb) MB)" test "$(log_mb)" -le 64
"$OCOP" --data "$tmp/C" --json sync >"$out"
equal "equal" "$(json "$out" 'd["equal"]')" True
equal "an answer of the API that is too long" "$(get product)" 413
says "says so" 'ask for a part' "$out"
equal "a part of it" "$(get 'product?name=P1-1')" 200
equal "is there" "$(json "$out" 'len(d) > 0')" True
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$root_pid/status")
check "memory at most: $peak kB" test "$peak" -le 131072
daemon_stop "$root_pid"
check "verify" "$OCOP" --data "$tmp/A" verify
exit $failed
