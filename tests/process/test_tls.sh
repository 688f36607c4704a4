#!/usr/bin/env bash
# A tree whose links are TLS: joining, changes both ways, and everybody who should get nowhere.
. "$(dirname "$0")/common.bash"

here=$(dirname "$0")
A() { "$OCOP" --data "$tmp/A" "$@"; }
B() { "$OCOP" --data "$tmp/B" "$@"; }
C() { "$OCOP" --data "$tmp/C" "$@"; }
holds() { "$OCOP" --data "$tmp/$1" get product "$2" >/dev/null 2>&1; } # NODE KEY

secure_start() { # DIR [SYNC-ADDRESS]
	local dir=$1 address=${2:-127.0.0.1:0}
	: >"$dir.ready"
	"$OCOP" --data "$dir" serve --sync "$address" --office 127.0.0.1:0 >"$dir.ready" 2>>"$dir.log" &
	daemon_pid=$!
	pids+=("$daemon_pid")
	until_true 10 grep -q '^ready office' "$dir.ready" || return 1
	sync_url=$(sed -n 's/^ready sync //p' "$dir.ready")
}
secure_join() { # PARENT-DIR DIR UNIT URL
	rm -f "$2.invitation"
	"$OCOP" --data "$1" invite --unit "$3" --out "$2.invitation" >/dev/null &&
		"$OCOP" --data "$2" join "$2.invitation" --parent "$4" >/dev/null
}
link_start() { # NAME MODE ARGUMENTS…: sets $link_port
	local name=$1
	shift
	python3 "$here/tls_link.py" "$@" >"$tmp/$name.port" 2>"$tmp/$name.err" &
	pids+=("$!")
	until_true 5 test -s "$tmp/$name.port"
	link_port=$(cat "$tmp/$name.port")
}
parent_is() { # DIR URL: what an attacker in the network does, done by hand
	sqlite3 "$1/ocop.db" "UPDATE node_local SET value = '$2' WHERE name = 'parent_url'"
}
key_pem() { # DIR FILE: the key of a node, and a certificate of it, for other programs
	{ printf '\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20'; cat "$1/node.key"; } |
		openssl pkey -inform DER -out "$2.key" &&
		openssl req -x509 -new -key "$2.key" -subj /CN=x -days 2 -out "$2.crt" 2>/dev/null
}

# ---- a tree of three tiers

A init --unit 42 --units "$data/units-2018.csv" >/dev/null
check "the master" secure_start "$tmp/A"
[ $failed = 0 ] || exit 1
root_url=$sync_url
root_pid=$daemon_pid
says "it speaks TLS" '^ready sync https://127.0.0.1:[0-9]+$' "$tmp/A.ready"
check "a district joins" secure_join "$tmp/A" "$tmp/B" 444 "$root_url"
equal "and holds the same" "$(digest "$tmp/B")" "$(digest "$tmp/A")"
check "its daemon" secure_start "$tmp/B"
b_url=$sync_url
b_pid=$daemon_pid
check "a commune joins at the district" secure_join "$tmp/B" "$tmp/C" 18538 "$b_url"
check "its daemon, for all addresses" secure_start "$tmp/C" 0.0.0.0:0
says "says so" '^ready sync https://0.0.0.0:[0-9]+$' "$tmp/C.ready"
c_pid=$daemon_pid
key=$(C put product new name="Cam Khe Mây" unit=18538)
check "a save of the commune reaches the province" until_true 5 holds A "$key"
other=$(A put product new name="Cam Bù" unit=18538)
check "one of the province reaches the commune" until_true 5 holds C "$other"
C sync >/dev/null		# a connection beside that of the waiting request
C --json sync >"$out"
equal "a round ends equal" "$(json "$out" 'd["equal"]')" True
kept=$(json "$out" 'd["bytes_up"] + d["bytes_down"]')
check "nothing to do over a connection that stands: $kept bytes" test "$kept" -le 400
daemon_stop "$c_pid"
C --json sync >"$out"
whole=$(json "$out" 'd["bytes_up"] + d["bytes_down"]')
check "over a new one: $whole bytes" test "$whole" -le 1800

# ---- an idle daemon

rss=$(awk '/^VmRSS/ {print $2}' "/proc/$root_pid/status")
sleep 1.5
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$root_pid/status")
check "an idle daemon takes less than 10 MB ($rss kB)" test "$rss" -lt 10000
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
switches() { cat "/proc/$1"/task/*/status | awk '/_ctxt_switches/ {n += $2} END {print n}'; }
before=$(ticks "$root_pid")
python3 - "${root_url##*:}" <<'PY'
import socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for n in range(40)]
for s in held:
    s.sendall(b"\x16\x03\x01")
time.sleep(2)
PY
used=$(($(ticks "$root_pid") - before))
check "40 handshakes that stand still cost nothing ($used ticks)" test "$used" -le 5

# ---- who should get nowhere

exits "plain HTTP to the TLS port" 52 curl -s --max-time 5 "http://${root_url#https://}/sync/v1/hello"
key_pem "$tmp/C" "$tmp/c" && key_pem "$tmp/B" "$tmp/b"
status() { curl -s -k --max-time 5 -o "$out" -w '%{http_code}' "$@"; }
as_c=(--cert "$tmp/c.crt" --key "$tmp/c.key")
equal "a key of ours says hello" "$(status "${as_c[@]}" "$root_url/sync/v1/hello")" 200
equal "no certificate: refused" "$(status "$root_url/sync/v1/hello")" 000
equal "TLS 1.2: refused" "$(status --tls-max 1.2 "${as_c[@]}" "$root_url/sync/v1/hello")" 000
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/rsa.key" -subj /CN=x -days 2 -out "$tmp/rsa.crt" 2>/dev/null
equal "an RSA certificate: refused" \
	"$(status --cert "$tmp/rsa.crt" --key "$tmp/rsa.key" "$root_url/sync/v1/hello")" 000
openssl genpkey -algorithm ed25519 -out "$tmp/x.key" 2>/dev/null
openssl req -x509 -new -key "$tmp/x.key" -subj /CN=x -days 2 -out "$tmp/x.crt" 2>/dev/null

# The commune's own message, on a connection of the district's: somebody carries what is not his.
status "${as_c[@]}" "$b_url/sync/v1/hello" >/dev/null
link_start sink sink "$tmp/body" "$(cat "$out")"
C sync --peer "http://127.0.0.1:$link_port" >/dev/null 2>&1
check "a message of the commune's" test -s "$tmp/body"
post() { status --data-binary "@$tmp/body" "$@" "$b_url/sync/v1/round"; }
equal "from the commune it is taken" "$(post "${as_c[@]}")" 200
equal "from the province's district it is not" "$(post --cert "$tmp/b.crt" --key "$tmp/b.key")" 403
equal "nor from a stranger" "$(post --cert "$tmp/x.crt" --key "$tmp/x.key")" 403
says "the refusal says why" "another node's key" "$out"

# Somebody else at the parent's address.
for kind in x rsa; do
	link_start "stranger-$kind" stranger "$tmp/$kind.crt" "$tmp/$kind.key" "$tmp/$kind.counts"
	parent_is "$tmp/C" "https://127.0.0.1:$link_port"
	exits "a stranger with a key of kind $kind at the parent's address" 76 C sync
	says "it is named" "somebody else answers at https://127.0.0.1:$link_port" "$err"
	equal "nothing was sent" "$(awk '{print $2}' "$tmp/$kind.counts")" 0
	exits "sync --peer there" 76 C sync --peer "https://127.0.0.1:$link_port"
	equal "nothing was sent then" "$(awk '{print $2}' "$tmp/$kind.counts")" 0
	"$OCOP" --data "$tmp/B" invite --unit 18538 --out "$tmp/y.invitation" >/dev/null
	exits "join there" 76 "$OCOP" --data "$tmp/Y$kind" join "$tmp/y.invitation" \
		--parent "https://127.0.0.1:$link_port"
	equal "no invitation was sent" "$(awk '{print $2}' "$tmp/$kind.counts")" 0
done

# Another node of the tree in the parent's place is a stranger there, too.
parent_is "$tmp/C" "$root_url"
exits "another node at the parent's address" 76 C sync
check "by name it may be asked" C sync --peer "$root_url"

# No way to talk without TLS.
exits "http to another machine" 65 C sync --peer http://192.0.2.1:7420
exits "http to a name" 65 C sync --peer http://localhost:7420
exits "http with a trick" 65 C sync --peer http://127.0.0.1:7420@192.0.2.1/
exits "an invitation to http" 65 A invite --unit 18538 --parent http://192.0.2.1:7420
exits "join over http" 65 "$OCOP" --data "$tmp/Z" join "$tmp/y.invitation" --parent http://192.0.2.1:7420
exits "plain HTTP beyond this machine" 77 "$OCOP" --data "$tmp/C" serve --sync 0.0.0.0:0 --insecure-loopback
office=$(sed -n 's/^ready office http//p' "$tmp/A.ready")
exits "who speaks plain HTTP only is no parent" 75 C sync --peer "https$office"
says "and that is said" "does not answer as a node does over TLS" "$err"

# ---- wrong clocks

parent_is "$tmp/C" "$b_url"
in_year() { FAKETIME_DONT_FAKE_MONOTONIC=1 faketime "$1-06-01 12:00:00" "$OCOP" --data "${@:2}"; } # YEAR DIR …
for year in 1970 2099; do
	in_year "$year" "$tmp/C" sync --json >"$out" 2>"$err"
	equal "a round in $year" "$?$(json "$out" 'd["equal"]')" 0True
	B invite --unit 18538 --out "$tmp/$year.invitation" >/dev/null
	check "joining in $year" in_year "$year" "$tmp/J$year" join "$tmp/$year.invitation" --parent "$b_url"
	key=$(in_year "$year" "$tmp/J$year" put product new name="Cam Sành" unit=18538)
	check "a round of who joined in $year" in_year "$year" "$tmp/J$year" sync
	check "brings its work" holds B "$key"
done

# ---- a link that changes bytes

lines() { # COUNT
	python3 - "$1" <<'PY'
import json, random, sys
random.seed(1)
for n in range(0, int(sys.argv[1]), 10):
    print(json.dumps({"changes": [{"table": "product", "key": "new", "set": {
        "name": "%x" % random.getrandbits(200), "unit": "18538", "description": "%x" % random.getrandbits(400)}}
        for _ in range(10)]}))
PY
}
lines 600 >"$tmp/lines"
B apply "$tmp/lines" >/dev/null
link_start early garble "${b_url##*:}" 700 "$tmp/early.counts"
parent_is "$tmp/C" "https://127.0.0.1:$link_port"
exits "a link that changes a byte of every answer" 75 C sync
check "it did ($(cat "$tmp/early.counts"))" test "$(awk '{print $2}' "$tmp/early.counts")" -ge 3
link_start late garble "${b_url##*:}" 9000 "$tmp/late.counts"
parent_is "$tmp/C" "https://127.0.0.1:$link_port"
C sync --json >"$out" 2>"$err"
equal "one that changes a byte after 9 KB only slows it down" "$?$(json "$out" 'd["equal"]')" 0True
check "it did ($(cat "$tmp/late.counts"))" test "$(awk '{print $2}' "$tmp/late.counts")" -ge 3
equal "both hold the same" "$(digest "$tmp/C" --unit 18538)" "$(digest "$tmp/B" --unit 18538)"

# ---- one that is cut every 4 KB

lines 300 >"$tmp/lines"
B apply "$tmp/lines" >/dev/null
python3 "$here/proxy.py" "${b_url##*:}" 4096 "$tmp/cut.counts" >"$tmp/cut.port" 2>/dev/null &
pids+=("$!")
until_true 5 test -s "$tmp/cut.port"
parent_is "$tmp/C" "https://127.0.0.1:$(cat "$tmp/cut.port")"
C sync --json >"$out" 2>"$err"
equal "a link cut every 4 KB" "$?$(json "$out" 'd["equal"]')" 0True
check "was cut ($(cat "$tmp/cut.counts"))" test "$(awk '{print $4}' "$tmp/cut.counts")" -ge 5
equal "both hold the same again" "$(digest "$tmp/C" --unit 18538)" "$(digest "$tmp/B" --unit 18538)"

for pid in "$b_pid" "$root_pid"; do
	kill -TERM "$pid"
	wait "$pid"
	equal "a daemon stops with 0" "$?" 0
done
for node in A B C; do check "verify $node" "$OCOP" --data "$tmp/$node" verify; done
exit $failed
