#!/usr/bin/env bash
# A database edited by hand, by somebody who knows SQLite: `verify` finds it or the start refuses it, nothing crashes,
# and nothing of it takes effect at the office above.
. "$(dirname "$0")/common.bash"

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
sql() { # FILE STATEMENT…: as a tool that knows how to pretend
	python3 - "$@" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.create_function("sync_check", 1, lambda v: 1)
def flip(blob, at):
    at = at % len(blob)
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1:]
db.create_function("flip", 2, flip)
def raised(blob):
    at = blob.find(b"18538@2017-10-15\1") + 16
    if at < 16:
        return blob
    return blob[:at] + bytes([3]) + blob[at + 1:]
db.create_function("lift", 1, raised)
for statement in sys.argv[2:]:
    db.execute(statement).fetchall()
    if not db.execute("SELECT changes()").fetchone()[0] and statement[:6] in ("UPDATE", "DELETE", "INSERT"):
        sys.exit("nothing changed by: " + statement)
PY
}
above() { # all that the province holds, but for who is a node: copies take new names
	node A dump | grep -v '"table":"node"' | sha256sum
}
overreach() { # what X would like to write, as the higher office that it says it is
	node X put product new name="forged" unit=18403
	node X put unit 18403@2017-10-15 name="forged"
	node X put cycle new year=2031
	node X put product "$key" description="own"
	node X put product new name="own" unit=18538
}

# edited NAME VERIFY-STATUS PATTERN STATEMENT…: a copy of C, with that done to it
edited() {
	local name=$1 want=$2 pattern=$3 status before
	shift 3
	rm -rf "$tmp/X" && cp -r "$tmp/C" "$tmp/X"
	rm -f "$tmp/X/ocop.sock"
	sql "$tmp/X/ocop.db" "$@" 2>"$err" || not_ok "$name" "not done: $(cat "$err")"
	exits "$name: verify" "$want" node X verify
	[ "$pattern" = - ] || says "$name: names it" "$pattern" "$err"
	before=$(above)
	node X --json sync >"$out" 2>"$err"
	status=$?
	echo "# $name: sync answers $status $(head -c 150 "$err" | tr '\n' ' ')"
	case $status in 0 | 1 | 65 | 74 | 75 | 76 | 77) ok "$name: sync says what it is" ;;
	*) not_ok "$name: sync says what it is" "status $status" ;; esac
	equal "$name: nothing took effect above" "$(above)" "$before"
	node X put product "$key" description="honest" >/dev/null 2>"$err"
	status=$?
	echo "# $name: put answers $status $(head -c 150 "$err" | tr '\n' ' ')"
	if [ $status -lt 128 ] && [ $status != 70 ]; then
		ok "$name: saving says what it is"
	else
		not_ok "$name: saving says what it is" "status $status"
	fi
}

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune" node_join "$tmp/C" 18538 "$root_url"
check "another" node_join "$tmp/B" 18403 "$root_url"
key=$(node C put product new name="Cam Khe Mây" unit=18538)
for i in 1 2 3; do node C put product new name="P $i" unit=18538 >/dev/null; node C sync >/dev/null; done
node C put product "$key" status=active >/dev/null
node C sync >/dev/null
node A put product "$key" name="of the province" >/dev/null
node C put product "$key" name="of the commune" >/dev/null
node C sync >/dev/null
node C sync >/dev/null
a_origin=$(node A --json status | python3 -c 'import json,sys; print(json.load(sys.stdin)["node"])')
c_origin=$(node C --json status | python3 -c 'import json,sys; print(json.load(sys.stdin)["node"])')
own="(SELECT sid FROM sync_stream WHERE hex(origin) = upper('$c_origin') AND reach = 0)"
rows="v >> 24 = $own"
theirs="(SELECT sid FROM sync_stream WHERE hex(origin) = upper('$a_origin') AND unit LIKE '42@%' AND reach = 1)"

# The tables refuse a tool that does not pretend.
rm -rf "$tmp/X" && cp -r "$tmp/C" "$tmp/X"
for statement in "UPDATE product SET name = 'x'" "DELETE FROM product" "INSERT INTO product(id, name, unit, _v)
	SELECT zeroblob(16), 'x', unit, _v FROM product"; do
	check "refused: ${statement%% *}" eval '! python3 -c "
import sqlite3, sys
sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2])" "$tmp/X/ocop.db" "$statement"'
done

# Rows.
edited "a row changed" 1 "product .* differs" "UPDATE product SET name = 'forged' WHERE name = 'P 1'"
edited "a row deleted" 1 "product" "DELETE FROM product WHERE name = 'P 1'"
edited "a row inserted" 1 "product" "INSERT INTO product(id, name, unit, _v) SELECT zeroblob(16), 'forged', unit, _v
	FROM product LIMIT 1"
edited "the guards dropped" 1 "product .* differs" "PRAGMA writable_schema=ON" \
	"DELETE FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'product'" \
	"UPDATE sqlite_schema SET sql = replace(sql, 'CHECK(sync_check(_v) OR', 'CHECK(1 OR') WHERE name = 'product'" \
	"PRAGMA writable_schema=RESET" "UPDATE product SET name = 'forged' WHERE name = 'P 2'"
edited "a version changed" 1 "product .* differs" "UPDATE product SET _v = _v - 1 WHERE name = 'P 3'"
edited "an unknown version" 1 "product" "UPDATE product SET _v = 4611686018427387903 WHERE name = 'P 3'"
edited "a unit moved" 1 "unit" "UPDATE unit SET name = 'forged' WHERE code = '18403'"
edited "a conflict forgotten" 1 "product .* differs" "DELETE FROM sync_row"
edited "a conflict invented" 1 "product" "INSERT INTO sync_row(tbl, key, heads, flags)
	SELECT (SELECT tbl FROM sync_row LIMIT 1), id, zeroblob(16), 1 FROM product WHERE name = 'P 1'"
edited "garbage among the heads" 1 - "UPDATE sync_row SET heads = x'0102030405'"

# The log.
edited "a commit changed" 1 "stream [0-9]+" "UPDATE sync_log SET body = flip(body, -3) WHERE v =
	(SELECT min(v) + 1 FROM sync_log WHERE $rows)"
edited "the newest commit changed" 1 - "UPDATE sync_log SET body = flip(body, -3) WHERE v =
	(SELECT max(v) FROM sync_log WHERE $rows)"
edited "a commit of the province changed" 1 "stream [0-9]+" "UPDATE sync_log SET body = flip(body, -3) WHERE v =
	(SELECT min(v) + 1 FROM sync_log WHERE v >> 24 = $theirs)"
edited "a commit deleted" 1 "stream [0-9]+" "DELETE FROM sync_log WHERE v = (SELECT min(v) + 1 FROM sync_log
	WHERE $rows)"
edited "the newest commit deleted" 74 "damaged after commit" \
	"DELETE FROM sync_log WHERE v = (SELECT max(v) FROM sync_log WHERE $rows)"
edited "a commit of garbage" 74 "damaged after commit" \
	"INSERT INTO sync_log(v, body) SELECT max(v) + 1, x'00ff00ff' FROM sync_log WHERE $rows"
edited "a commit repeated" 1 - "INSERT INTO sync_log(v, body) SELECT max(v) + 1, body FROM sync_log WHERE $rows"
edited "a commit put into the province's stream" 1 - "INSERT INTO sync_log(v, body) SELECT (SELECT max(v) + 1 FROM
	sync_log WHERE v >> 24 = $theirs), body FROM sync_log WHERE v = (SELECT max(v) FROM sync_log WHERE $rows)"
edited "a seal changed" 1 "seal" "UPDATE sync_seal SET signature = flip(signature, 5) WHERE v =
	(SELECT min(v) FROM sync_seal WHERE $rows)"
edited "the newest seal changed" 1 "seal" "UPDATE sync_seal SET signature = flip(signature, 5) WHERE v =
	(SELECT max(v) FROM sync_seal WHERE $rows)"
edited "a seal's hash changed" 1 - "UPDATE sync_seal SET hash = flip(hash, 5) WHERE v =
	(SELECT max(v) FROM sync_seal WHERE $rows)"
edited "a seal of the province deleted" 1 "seal" "DELETE FROM sync_seal WHERE v =
	(SELECT max(v) FROM sync_seal WHERE v >> 24 = $theirs)"
edited "streams exchanged" 1 - "UPDATE sync_stream SET reach = 2 WHERE sid = $own"
edited "a stream given away" 1 - "UPDATE sync_stream SET unit = '18403@2017-10-15' WHERE sid = $own"
edited "the frontier moved" 0 - "UPDATE sync_frontier SET seq = 16777215"

# Who this node is.
edited "another's name" 1 "serves unit" "UPDATE sync_meta SET value = x'$a_origin' WHERE name = 'origin'"
exits "another's name: the start is refused" 77 node X put product "$key" description=x
says "another's name: says why" "key does not belong" "$err"
edited "no name" 74 - "UPDATE sync_meta SET value = x'00' WHERE name = 'origin'"
edited "another root" 1 - "UPDATE sync_meta SET value = flip(value, 3) WHERE name = 'root_key'"
edited "another parent" 0 - "UPDATE sync_meta SET value = flip(value, 3) WHERE name = 'parent'"
edited "no parent" 0 - "UPDATE sync_meta SET value = zeroblob(8) WHERE name = 'parent'"

# Who this node would like to be: it writes, and nobody follows.
pretends() { # NAME PATTERN STATEMENT…
	local name=$1 pattern=$2 before own
	shift 2
	rm -rf "$tmp/X" && cp -r "$tmp/C" "$tmp/X"
	sql "$tmp/X/ocop.db" "$@" 2>"$err" || not_ok "$name" "not done: $(cat "$err")"
	exits "$name: verify" 1 node X verify
	says "$name: names it" "$pattern" "$err"
	before=$(above)
	overreach >"$tmp/written" 2>&1
	node X --json sync >"$out" 2>"$err"
	echo "# $name: $(tr '\n' ' ' <"$tmp/written" | head -c 400); sync: $? $(head -c 150 "$err" | tr '\n' ' ')"
	equal "$name: the other commune has no product" "$(node A --json list product name==forged)" "[]"
	equal "$name: the unit has its name" "$(node A --json list unit name==forged)" "[]"
	equal "$name: there is no cycle" "$(node A --json list cycle year=2031)" "[]"
	check "$name: the province verifies" node A verify
}
pretends "another unit" "serves unit" \
	"UPDATE sync_meta SET value = CAST('18403@2017-10-15' AS BLOB) WHERE name = 'unit'"
pretends "the province's unit" "serves unit" \
	"UPDATE sync_meta SET value = CAST('42@2017-10-15' AS BLOB) WHERE name = 'unit'"
pretends "a higher level" "node|stream" "UPDATE node SET credential = lift(credential) WHERE origin = '$c_origin'" \
	"UPDATE sync_meta SET value = lift(value) WHERE name = 'chain'"
pretends "a higher level in the log as well" "stream|node" \
	"UPDATE node SET credential = lift(credential) WHERE origin = '$c_origin'" \
	"UPDATE sync_meta SET value = lift(value) WHERE name = 'chain'" \
	"UPDATE sync_log SET body = lift(body) WHERE instr(body, CAST('18538@2017-10-15' AS BLOB)) AND
		instr(body, x'$c_origin')"

# The honest ones go on.
node C put product "$key" description="honest" >/dev/null
check "an honest node goes on" node C --json sync
equal "an honest node ends equal" "$(json "$out" 'd["equal"]')" True
check "verify A" node A verify
daemon_stop "$root_pid"
exit $failed
