#!/usr/bin/env bash
# Everything that a person or a disk can get wrong: the exit status, the words, and that nothing was changed.
. "$(dirname "$0")/common.bash"

A() { "$OCOP" --data "$tmp/A" "$@"; }
unchanged() { [ "$(A digest)" = "$before" ]; }

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune" node_join "$tmp/C" 18538 "$root_url"
C() { "$OCOP" --data "$tmp/C" "$@"; }
daemon_stop "$root_pid"
key=$(A put product new name="Cam" unit=18538)
producer=$(A put producer new name="HTX" unit=18538)
before=$(A digest)

# Usage.
exits "no command" 64 "$OCOP"
exits "unknown command" 64 A fly
exits "unknown option" 64 A list product --wings
exits "missing argument" 64 A get product
exits "one argument too many" 64 A get product "$key" more
exits "option without value" 64 A digest --unit
exits "not COLUMN=VALUE" 64 A put product "$key" name
exits "help about nothing" 64 "$OCOP" help fly
exits "resolve without decision" 64 A conflicts resolve 0123456789ab

# Bad data.
exits "unknown table" 65 A put nowhere new name=x
says "the table is named" nowhere "$err"
exits "unknown column" 65 A put product "$key" colour=red
says "the column is named" colour "$err"
exits "unknown unit" 65 A put product new name=x unit=99999
says "the unit is named" 99999 "$err"
exits "not a number" 65 A put product "$key" started_year=old
exits "number out of range" 65 A put product "$key" started_year=1492
exits "not one of the choices" 65 A put producer "$producer" type=Ltd
exits "required and cleared" 65 A put product "$key" name=null
exits "required and missing" 65 A put product new unit=18538
exits "too long" 65 A put product "$key" "name=$(printf 'x%.0s' {1..300})"
exits "not UTF-8" 65 A put product "$key" "name=$(printf 'a\xff')"
printf 'a\0b' >"$tmp/nul"
exits "NUL" 65 A put product "$key" "description=@$tmp/nul"
exits "not a key" 65 A get product nonsense
exits "no such row" 65 A get product 00000000000000000000000000
exits "delete of no row" 65 A delete product 00000000000000000000000000
exits "reference that is no key" 65 A put product "$key" producer=HTX
exits "unknown conflict" 65 A conflicts resolve 0123456789ab --take 0
exits "input file is missing" 65 A apply "$tmp/missing"
exits "author too long" 65 A --author "$(printf 'x%.0s' {1..80})" put product "$key" name=y
check "nothing of it was taken" unchanged

# apply: all of a line or none of it.
line() { printf '%s\n' "$1" >"$tmp/lines"; }
good='{"table":"product","key":"new","set":{"name":"ok","unit":"18538"}}'
line '{"changes":['"$good"',{"table":"product","key":"new","set":{"nane":"x"}}]}'
exits "apply: bad second change" 65 A apply "$tmp/lines"
says "apply: the line is named" "line 1" "$err"
check "apply: nothing of the line" unchanged
for bad in '{' '[]' '{"changes":[]}' '{"changes":{}}' '{"changes":[{"table":"product","key":"new"}]}' \
	'{"changes":[{"table":"product","key":"new","set":{"name":"a","name":"b"}}]}' '{"a":1,"changes":[]}' \
	'{"changes":[{"table":"product","key":"new","set":{"name":"a\u0000"}}]}' \
	'{"changes":[{"table":"product","key":"new","set":{"started_year":1e400,"name":"a"}}]}' \
	'{"changes":[{"table":"product","key":"new","set":{"name":"a"},"delete":true}]}'; do
	line "$bad"
	exits "apply refuses $bad" 65 A apply "$tmp/lines"
done
check "apply: nothing was taken" unchanged

# import: line and column, nothing of the file unless --skip-bad.
printf 'name,producer,unit\nTốt,HTX A,18538\nXấu,HTX B,99999\n' >"$tmp/bad.csv"
exits "import: unknown unit" 65 A import products "$tmp/bad.csv"
says "import: file, line, column" 'bad.csv, line 3, column 3' "$err"
check "import: nothing was taken" unchanged
exits "import --skip-bad" 0 A import products "$tmp/bad.csv" --skip-bad
says "import --skip-bad names the row" 'line 3, column 3' "$err"
A --json list product name==Tốt >"$out"
equal "import --skip-bad takes the good row" "$(json "$out" 'len(d)')" 1
before=$(A digest)
printf 'name,colour\nx,y\n' >"$tmp/bad.csv"
exits "import: unknown column" 65 A import products "$tmp/bad.csv"
printf 'name,unit\nx,18538,more,cells\n' >"$tmp/bad.csv"
exits "import: too many fields" 65 A import products "$tmp/bad.csv"
printf 'name,unit\n"x,18538\n' >"$tmp/bad.csv"
exits "import: open quote" 65 A import products "$tmp/bad.csv"
printf '' >"$tmp/bad.csv"
exits "import: empty file" 65 A import products "$tmp/bad.csv"
exits "import of an unknown thing" 65 A import wings "$tmp/bad.csv"
exits "import units of another kind" 65 A import units "$data/products-ha-tinh.csv"
check "import: nothing was taken again" unchanged
exits "export to nowhere" 73 A export product "$tmp/no/such/dir/x.csv"
equal "and says nothing of success" "$(cat "$out")" ""

# Rights.
exits "a row of another commune" 77 C put product new name=x unit=18403
exits "a table of the province" 77 C put unit "18538@2017-10-15" name=x
exits "an invitation for another unit" 77 C invite --unit 18403 --out "$tmp/x.invitation"

# Invitations.
echo "OCOP1:AAAA" >"$tmp/x.invitation"
exits "join: not an invitation" 65 "$OCOP" --data "$tmp/X" join "$tmp/x.invitation" --parent http://127.0.0.1:1
A invite --unit 444 --out "$tmp/x.invitation" >/dev/null
sed '2s/^/7/' "$tmp/x.invitation" >"$tmp/slip.invitation"
join() { "$OCOP" --data "$1" join "$2" --parent http://127.0.0.1:1; }
exits "join: a slip of the hand" 65 join "$tmp/X" "$tmp/slip.invitation"
check "join: nothing was made" test ! -e "$tmp/X"
exits "join: nobody there" 69 join "$tmp/X" "$tmp/x.invitation"
check "join: no node was made" test ! -e "$tmp/X/ocop.db"
exits "join: it waits" 65 "$OCOP" --data "$tmp/X" status
says "join: and says so" "waits for its credential" "$err"
exits "invite: bad duration" 64 A invite --unit 444 --expires soon
exits "sync without a parent" 65 A sync
exits "sync with nobody" 69 C sync

# serve.
exits "serve: not loopback" 77 A serve --sync 0.0.0.0:0 --insecure-loopback
exits "serve: bad address" 64 A serve --sync nowhere --insecure-loopback
daemon_start "$tmp/A"
exits "serve: the address is in use" 75 "$OCOP" --data "$tmp/C" serve --insecure-loopback \
	--sync "${sync_url#http://}" --office 127.0.0.1:0
exits "errors come through the daemon" 65 A put product "$key" colour=red
says "with their words" colour "$err"
kill -9 "$daemon_pid"
wait "$daemon_pid" 2>/dev/null
check "a dead daemon's socket is left" test -S "$tmp/A/ocop.sock"
check "and is in nobody's way" A put product "$key" status=x
daemon_start "$tmp/A"
check "nor of the next daemon" A status
daemon_stop "$daemon_pid"

# The data directory.
exits "no node there" 65 "$OCOP" --data "$tmp/none" status
says "what to do" "ocop init" "$err"
exits "init: the unit is not in the file" 65 "$OCOP" --data "$tmp/N" init --unit 1 --units "$data/units-2018.csv"
exits "init: not a list of units" 65 "$OCOP" --data "$tmp/N" init --unit 42 --units "$data/products-ha-tinh.csv"
mkdir "$tmp/full" && touch "$tmp/full/file"
exits "init: a directory with something in it" 73 \
	"$OCOP" --data "$tmp/full" init --unit 42 --units "$data/units-2018.csv"
check "init left nothing" test ! -e "$tmp/N"
flock "$tmp/A/lock" sleep 8 &
pids+=("$!")
sleep 0.2
start=$(date +%s)
exits "somebody else holds the lock" 75 A put product "$key" status=y
check "after a bounded wait" test $(($(date +%s) - start)) -le 7
check "reading goes on meanwhile" A get product "$key"
kill "${pids[-1]}" 2>/dev/null
wait "${pids[-1]}" 2>/dev/null

damaged() { # NAME STATUS COMMAND-THAT-DAMAGES…
	local name=$1 want=$2 sum
	shift 2
	rm -rf "$tmp/D" && cp -r "$tmp/A" "$tmp/D"
	"$@" || not_ok "$name" "the damage was not done"
	sum=$(sha256sum <"$tmp/D/ocop.db")
	exits "$name: reading" "$want" "$OCOP" --data "$tmp/D" list product
	exits "$name: writing" "$want" "$OCOP" --data "$tmp/D" put product new name=x unit=18538
	equal "$name: the file is as it was" "$(sha256sum <"$tmp/D/ocop.db")" "$sum"
}
cut_short() { truncate -s 0 "$tmp/D/ocop.db"; }
garbled() { printf 'garbage garbage garbage' | dd of="$tmp/D/ocop.db" conv=notrunc status=none; }
sql() { # each argument a statement, in the copy
	python3 -c '
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    db.execute(statement)
' "$tmp/D/ocop.db" "$@"
}
foreign() { rm -f "$tmp/D/ocop.db" && sql "CREATE TABLE t(a)"; }
newer() { sql "PRAGMA journal_mode=DELETE" "PRAGMA user_version=999"; }
damaged "an empty file" 74 cut_short
damaged "a garbled head" 74 garbled
rm -rf "$tmp/D" && cp -r "$tmp/A" "$tmp/D" && foreign
exits "another program's database" 65 "$OCOP" --data "$tmp/D" list product
rm -rf "$tmp/D" && cp -r "$tmp/A" "$tmp/D" && newer
exits "a newer program's database" 65 "$OCOP" --data "$tmp/D" list product
says "says so" "newer" "$err"
rm -rf "$tmp/D" && cp -r "$tmp/A" "$tmp/D" && chmod 644 "$tmp/D/node.key"
exits "a key that others may read" 77 "$OCOP" --data "$tmp/D" put product new name=x unit=18538
cp "$tmp/C/node.key" "$tmp/D/node.key" && chmod 600 "$tmp/D/node.key"
exits "another node's key" 77 "$OCOP" --data "$tmp/D" put product new name=x unit=18538
rm "$tmp/D/node.key"
exits "no key" 74 "$OCOP" --data "$tmp/D" put product new name=x unit=18538
before_vi=$(LC_ALL=vi_VN.UTF-8 A fly 2>&1)
check "Vietnamese where the locale is" test "$(echo "$before_vi" | grep -c 'không có lệnh')" = 1
check "verify at the end" A verify
exit $failed
