#!/usr/bin/env bash
# How a node comes into the tree: by files alone, by a link that is cut, by a district while the province is away.
. "$(dirname "$0")/common.bash"

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
A() { node A "$@"; }
nodes_are() { [ "$(node "$1" --json peers | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')" = "$2" ]; }
waits() { # NODE: every kind of command says what it waits for
	exits "$1 waits: reading" 65 node "$1" list product
	says "$1 says so" "waits for its credential.*join --credential" "$err"
	exits "$1 waits: writing" 65 node "$1" put product new name=x unit=18538
	exits "$1 waits: serving" 65 node "$1" serve --insecure-loopback --sync 127.0.0.1:0 --office 127.0.0.1:0
	says "$1 says so, too" "waits for its credential" "$err"
	exits "$1 waits: syncing" 65 node "$1" sync
}

check "the master" tree_make
[ $failed = 0 ] || exit 1
daemon_stop "$root_pid"

# ---- by files, no daemon anywhere
check "invite" A invite --unit 18538 --out "$tmp/C.inv"
check "join --request" node C join "$tmp/C.inv" --request "$tmp/C.req" --name "PC of Lâm"
waits C
cp "$tmp/C.req" "$tmp/C.req.first"
check "once more" node C join "$tmp/C.inv" --request "$tmp/C.req"
check "writes the same" cmp "$tmp/C.req" "$tmp/C.req.first"
check "admit" A admit "$tmp/C.req" --out "$tmp/C.ans"
cp "$tmp/C.ans" "$tmp/C.ans.first"
check "once more" A admit "$tmp/C.req" --out "$tmp/C.ans"
check "answers the same" cmp "$tmp/C.ans" "$tmp/C.ans.first"
check "one node was let in" nodes_are A 2
daemon_start "$tmp/A" "${root_url#http://}"
root_pid=$daemon_pid
check "a daemon answers the same" A admit --out "$tmp/C.ans" "$tmp/C.req"
check "byte for byte" cmp "$tmp/C.ans" "$tmp/C.ans.first"
A --json admit "$tmp/C.req" >"$out"
equal "admit --json names the unit" "$(json "$out" 'd["unit"]')" 18538
equal "and the node" "$(json "$out" 'd["name"]')" "PC of Lâm"
check "join --credential" node C join --credential "$tmp/C.ans" --parent "$root_url"
check "nothing of the waiting is left" test ! -e "$tmp/C/joining"
exits "it is a node now" 73 node C join --credential "$tmp/C.ans"
check "it syncs" node C sync
key=$(node C put product new name="Cam" unit=18538)
check "and saves" test -n "$key"
check "and sends" node C sync
check "which the province holds" A get product "$key"

# ---- who may not
check "another PC with the same invitation" node X join "$tmp/C.inv" --request "$tmp/X.req"
exits "is not let in" 77 A admit "$tmp/X.req" --out "$tmp/X.ans"
says "because it is used" "used by another node" "$err"
check "no answer was written" test ! -e "$tmp/X.ans"
exits "nor by a link" 77 node X join "$tmp/C.inv" --parent "$root_url"
waits X
exits "another's answer is of no use" 76 node X join --credential "$tmp/C.ans"
says "as it says" "another node" "$err"
waits X
A invite --unit 18538 --expires 1s --out "$tmp/old.inv" >/dev/null
sleep 1.1
check "an invitation that is old by this clock" node O join "$tmp/old.inv" --request "$tmp/O.req"
says "is told of" "good until" "$err"
exits "the inviter's clock refuses it" 77 A admit "$tmp/O.req"
says "because it expired" expired "$err"
exits "by a link, too" 77 node O2 join "$tmp/old.inv" --parent "$root_url"
check "which leaves nothing" test ! -e "$tmp/O2"
check "another province" "$OCOP" --data "$tmp/P" init --unit 42 --units "$data/units-2018.csv"
exits "does not let in" 77 node P admit "$tmp/C.req"
says "for it is another tree" "another province" "$err"
exits "nor does another node of this one" 77 node C admit "$tmp/X.req"
says "which says where to go" "another node made" "$err"
exits "not a request" 65 A admit "$tmp/C.inv"
exits "not an answer" 65 node X join --credential "$tmp/C.req"
exits "a credential without a request" 65 node Y join --credential "$tmp/C.ans"
says "says how to begin" "join FILE --request" "$err"
check "and leaves nothing" test ! -e "$tmp/Y/ocop.db"
exits "--credential and FILE" 64 node Y join "$tmp/C.inv" --credential "$tmp/C.ans"
exits "admit without a request" 64 A admit
exits "init where a node waits" 73 "$OCOP" --data "$tmp/X" init --unit 42 --units "$data/units-2018.csv"
waits X

# ---- a new invitation while waiting
A invite --unit 18403 --out "$tmp/Z.inv" >/dev/null
exits "for another unit" 73 node X join "$tmp/Z.inv" --request "$tmp/X.req"
says "says what to do" "delete the directory" "$err"
key_before=$(sha256sum <"$tmp/X/node.key")
A invite --unit 18538 --out "$tmp/X.inv" >/dev/null
check "for the same unit" node X join "$tmp/X.inv" --request "$tmp/X.req"
equal "keeps the key" "$(sha256sum <"$tmp/X/node.key")" "$key_before"
check "and is admitted" A admit "$tmp/X.req" --out "$tmp/X.ans"
check "and is good" node X join --credential "$tmp/X.ans"
says "sync is next" "ocop sync" "$out"
exits "before that it knows no unit" 65 node X put product new name=early unit=18538
says "and says what to do" "ocop sync" "$err"
check "nothing is known of its clock" node X status
says "and it says so" "^clock: not compared before" "$out"

# ---- as it comes out of a mail, a scanner, another hand
A invite --unit 18541 --parent "$root_url" --out "$tmp/M.inv" >/dev/null
{
	printf '\xef\xbb\xbf'
	tr 'A-Z' 'a-z' <"$tmp/M.inv" | tr '0' 'o' | fold -w 37 | sed 's/^/> /; s/$/ \r/'
} >"$tmp/M.mail"
check "a quoted, folded mail in small letters" node M join - --request "$tmp/M.req" <"$tmp/M.mail"
check "the same by a link, to the address in it" node M join "$tmp/M.inv"
check "is a node" node M verify
A --json invite --unit 18541 --qr >"$tmp/qr.json"
equal "one line in JSON" "$(json "$tmp/qr.json" 'd["invitation"].count("\n")')" 0
check "is short" test "$(json "$tmp/qr.json" 'len(d["invitation"])')" -le 300
check "and for QR's dense mode" python3 -c '
import json, sys
sys.exit(bool(set(json.load(open(sys.argv[1]))["invitation"]) - set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")))
' "$tmp/qr.json"
A invite --unit 18541 --parent https://ocop.hatinh.gov.vn:7420 --qr >"$tmp/qr"
check "--qr draws it, version 9 at most" python3 - "$tmp/qr" "$tmp/qr.pgm" <<'PY'
import re, sys
rows = []
for line in open(sys.argv[1], encoding="utf-8"):
    if "\033" in line:
        text = re.sub("\033\\[[0-9;]*m", "", line.rstrip("\n"))
        rows += [[c in "▀█" for c in text], [c in "▄█" for c in text]]
side = len(rows[0]) - 8
assert side <= 9 * 4 + 17 and len(rows) in (side + 8, side + 9), side
finder = [r[4:11] for r in rows[4:11]]
assert all(finder[0]) and all(finder[6]) and not any(finder[1][1:6]) and all(finder[3][2:5])
assert not any(any(r[:4]) or any(r[-4:]) for r in rows) and not any(map(any, rows[:4] + rows[side + 4:]))
with open(sys.argv[2], "wb") as f:
    f.write(b"P5 %d %d 255\n" % (3 * len(rows[0]), 3 * len(rows)))
    for r in rows:
        f.write(b"".join((b"\0" if dark else b"\xff") * 3 for dark in r) * 3)
PY
if command -v zbarimg >/dev/null; then
	equal "and a scanner reads it" "$(zbarimg -q --raw "$tmp/qr.pgm" 2>/dev/null)" \
		"$(sed -n '/^OCOP/,$p' "$tmp/qr" | tr -d '\n')"
fi

# ---- the link dies between the admission and the answer
cat >"$tmp/deaf.py" <<'PY'
import socket, sys
target = int(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    near, _ = listener.accept()
    far = socket.create_connection(("127.0.0.1", target))
    far.settimeout(10)
    near.settimeout(0.3)
    try:
        while data := near.recv(65536):
            far.sendall(data)
    except OSError:
        pass
    far.recv(65536)
    near.close()
    far.close()
PY
python3 "$tmp/deaf.py" "${root_url##*:}" >"$tmp/deaf.port" &
pids+=("$!")
until_true 5 test -s "$tmp/deaf.port"
A invite --unit 18544 --out "$tmp/L.inv" >/dev/null
before=$(A --json peers | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')
exits "the answer is lost" 75 node L join "$tmp/L.inv" --parent "http://127.0.0.1:$(cat "$tmp/deaf.port")"
check "after the parent let it in" nodes_are A $((before + 1))
waits L
check "asking again" node L join "$tmp/L.inv" --parent "$root_url"
check "answers the same" nodes_are A $((before + 1))
check "it is a node" node L get unit 18544@2017-10-15

# ---- a district lets its communes in while the province is away
check "a district" node_join "$tmp/D" 446 "$root_url"
daemon_stop "$root_pid"
daemon_start "$tmp/D"
d_pid=$daemon_pid d_url=$sync_url
check "the district invites" node D invite --unit 18679 --out "$tmp/D1.inv"
check "a commune joins by a link" node D1 join "$tmp/D1.inv" --parent "$d_url"
check "the district invites another" node D invite --unit 18682 --out "$tmp/D2.inv"
check "which asks by file" node D2 join "$tmp/D2.inv" --request "$tmp/D2.req"
check "the district admits it" node D admit "$tmp/D2.req" --out "$tmp/D2.ans"
check "and it is a node" node D2 join --credential "$tmp/D2.ans" --parent "$d_url"
check "and syncs" node D2 sync
exits "not for another district's commune" 77 node D invite --unit 18538
key1=$(node D1 put product new name="Nước mắm" unit=18679)
key2=$(node D2 put product new name="Mật ong" unit=18682)
check "both work" test -n "$key1" -a -n "$key2"
check "and send" eval 'node D1 sync && node D2 sync'
check "the district holds it" node D get product "$key1"
check "the province knows nothing of it" eval '! A get product "$key1"'
daemon_start "$tmp/A" "${root_url#http://}"
root_pid=$daemon_pid
check "the province is back and learns it" until_true 30 "$OCOP" --data "$tmp/A" get product "$key2"
check "all of it" until_true 10 "$OCOP" --data "$tmp/A" get product "$key1"
check "and who they are" nodes_are A $((before + 4))
for n in A C D D1 D2; do check "verify $n" node $n verify; done
daemon_stop "$d_pid"
daemon_stop "$root_pid"
exit $failed
