#!/usr/bin/env bash
# A parent that answers 503 with Retry-After is not asked again before that.
. "$(dirname "$0")/common.bash"

C() { "$OCOP" --data "$tmp/C" "$@"; }

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune joins" node_join "$tmp/C" 18538 "$root_url"
daemon_stop "$root_pid"
cat >"$tmp/busy.py" <<'PY'
import http.server, sys, time
class Busy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(f"{time.monotonic():.3f}", flush=True)
        self.send_response(503)
        self.send_header("Retry-After", sys.argv[2])
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Busy).serve_forever()
PY
: >"$tmp/times"
python3 "$tmp/busy.py" "${root_url##*:}" 3 >"$tmp/times" &
pids+=("$!")
busy_pid=$!
times_are() { [ "$(wc -l <"$tmp/times")" -ge "$1" ]; }
sleep 0.5
daemon_start "$tmp/C"
check "the first attempt" until_true 5 times_are 1
check "and the second" until_true 10 times_are 2
check "not before Retry-After" test "$(python3 -c 'import sys
a, b = [float(x) for x in open(sys.argv[1])][:2]
print(int(b - a >= 3))' "$tmp/times")" = 1
exits "a command asks at once, and is told" 69 C sync
check "a save does not break the patience" C put product new name=Cam unit=18538
sleep 1
count=$(wc -l <"$tmp/times")
sleep 1
equal "nobody asked meanwhile" "$(wc -l <"$tmp/times")" "$count"
kill "$busy_pid"
wait "$busy_pid" 2>/dev/null
daemon_start "$tmp/A" "${root_url#http://}"
same() { [ "$(digest "$tmp/A" --unit 18538)" = "$(digest "$tmp/C" --unit 18538)" ]; }
check "equal when it serves again" until_true 15 same
exit $failed
