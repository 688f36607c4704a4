#!/usr/bin/env bash
# backup and restore: one file, of one moment, while others save; what it is made of, what is refused, and what a
# restored node does.
. "$(dirname "$0")/common.bash"

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
status_of() { node "$1" --json status >"$out" && json "$out" "$2"; }
sql() { # FILE STATEMENT…
	python3 -c '
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.create_function("sync_check", 1, lambda v: 1)
for statement in sys.argv[2:]:
    for row in db.execute(statement):
        print(*row)
' "$@"
}
nothing_in() { [ ! -e "$1/ocop.db" ] && [ -z "$(ls -A "$1" 2>/dev/null)" ]; }

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune" node_join "$tmp/C" 18538 "$root_url"
key1=$(node C put product new name="Cam" unit=18538)
node C sync >/dev/null
first=$(status_of C 'd["node"]')

# ---- what it is
check "backup without a daemon" node C backup "$tmp/c.bak"
says "it says how large, how long" "[0-9]+ bytes in [0-9]+\.[0-9]{3} seconds" "$out"
says "and what is in it" "contains the node's key" "$out"
equal "for its owner only" "$(stat -c %a "$tmp/c.bak")" 600
equal "one database, that checks" "$(sql "$tmp/c.bak" "PRAGMA ignore_check_constraints=ON" "PRAGMA integrity_check")" ok
equal "that stands alone" "$(sql "$tmp/c.bak" "PRAGMA journal_mode")" delete
equal "nothing else is left" "$(find "$tmp" -maxdepth 1 -name 'c.bak*' | wc -l)" 1
exits "it overwrites nothing" 73 node C backup "$tmp/c.bak"
exits "nor a link" 73 eval "ln -s nowhere '$tmp/link' && '$OCOP' --data '$tmp/C' backup '$tmp/link'"
exits "no such directory" 73 node C backup "$tmp/no/such.bak"
exits "no file named" 64 node C backup
exits "no node" 65 node none backup "$tmp/none.bak"
check "backup of the master, whose daemon runs" node A backup "$tmp/a.bak"
says "root.key is not in it" "root.key is not in it" "$out"
equal "indeed" "$(sql "$tmp/a.bak" "SELECT name FROM backup_file ORDER BY name" | tr '\n' ' ')" "made_ms node.key "
node C --json backup "$tmp/c2.bak" >"$out"
equal "in JSON" "$(json "$out" '[d["file"], d["bytes"] > 4096]')" "['$tmp/c2.bak', True]"
(
	ulimit -f 100
	"$OCOP" --data "$tmp/C" backup "$tmp/full.bak" >"$out" 2>"$err"
	echo $? >"$tmp/status"
)
equal "no room: 74" "$(cat "$tmp/status")" 74
equal "and no half file" "$(find "$tmp" -maxdepth 1 -name 'full.bak*')" ""

# ---- what is refused
exits "restore over a node" 73 node C restore "$tmp/c.bak"
exits "over one whose daemon runs" 73 node A restore "$tmp/a.bak"
mkdir "$tmp/foreign" && touch "$tmp/foreign/file"
exits "into a directory with something in it" 73 node foreign restore "$tmp/c.bak"
refused() { # NAME STATUS PATTERN FILE
	exits "$1" "$2" node R restore "$4"
	says "$1: says what" "$3" "$err"
	check "$1: leaves nothing" nothing_in "$tmp/R"
}
refused "no such file" 65 "cannot open" "$tmp/missing"
refused "a directory" 65 "cannot read" "$tmp"
refused "another file" 65 "is not a backup" "$data/units-2018.csv"
: >"$tmp/empty"
refused "an empty file" 65 "is not a backup" "$tmp/empty"
refused "a node's database" 65 "is not a backup" "$tmp/C/ocop.db"
sql "$tmp/other.db" "CREATE TABLE t(a)"
refused "another program's database" 65 "something else" "$tmp/other.db"
cp "$tmp/c.bak" "$tmp/newer.bak" && sql "$tmp/newer.bak" "PRAGMA user_version=999"
refused "of a newer program" 65 "newer" "$tmp/newer.bak"
head -c 200000 "$tmp/c.bak" >"$tmp/cut.bak"
refused "cut short" 74 "cut.bak" "$tmp/cut.bak"
python3 - "$tmp/c.bak" "$tmp/torn.bak" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
for at in range(4096 * 5, len(data), 4096 * 7):
    data[at:at + 64] = bytes(64)
open(sys.argv[2], "wb").write(data)
PY
refused "torn" 74 "torn.bak" "$tmp/torn.bak"
cp "$tmp/c.bak" "$tmp/key.bak"
sql "$tmp/key.bak" "UPDATE backup_file SET content = zeroblob(32) WHERE name = 'node.key'"
refused "with another key" 74 "is not that of the node" "$tmp/key.bak"
cp "$tmp/c.bak" "$tmp/nokey.bak" && sql "$tmp/nokey.bak" "DELETE FROM backup_file WHERE name = 'node.key'"
refused "without a key" 65 "is not a backup" "$tmp/nokey.bak"

# ---- the office's PC is lost after the backup
key2=$(node C put product new name="Quýt" unit=18538)
node C put product "$key1" name="Cam Khe Mây" >/dev/null
node C sync >/dev/null
key3=$(node C put product new name="never sent" unit=18538)
check "restore" node R restore "$tmp/c.bak"
says "it says of when" "of 20[0-9-]+T" "$out"
says "and what next" "ocop sync" "$out"
equal "the key is the same" "$(sha256sum <"$tmp/R/node.key")" "$(sha256sum <"$tmp/C/node.key")"
equal "for its owner only" "$(stat -c %a "$tmp/R/node.key" "$tmp/R/ocop.db" "$tmp/R" | tr '\n' ' ')" "600 600 700 "
equal "the key is no longer in the database" "$(sql "$tmp/R/ocop.db" "SELECT count(*) FROM sqlite_schema
	WHERE name = 'backup_file'")" 0
check "not even in its free pages" python3 -c '
import sys
assert open(sys.argv[1], "rb").read() not in open(sys.argv[2], "rb").read()' "$tmp/C/node.key" "$tmp/R/ocop.db"
node R status >"$out"
says "status says so" "restored from a backup" "$out"
equal "in JSON, too" "$(status_of R 'd["restored"]')" True
check "it has a new name" test "$(status_of R 'd["node"]')" != "$first"
key4=$(node R put product new name="before the first round" unit=18538)
node R --json sync >"$out"
equal "the first round ends equal" "$(json "$out" 'd["equal"]')" True
check "it brings back what was lost" node R get product "$key2"
node R --json get product "$key1" >"$out"
equal "changes as well" "$(json "$out" 'd["set"]["name"]')" "Cam Khe Mây"
check "what it wrote itself is above" node A get product "$key4"
equal "what was never sent is gone" "$(node R get product "$key3" >/dev/null 2>&1; echo $?)" 65
equal "status no longer says so" "$(status_of R 'd["restored"]')" False
equal "nothing forked" "$(status_of R 'd["forks"]')$(status_of A 'd["forks"]')" "[][]"
equal "nothing is in conflict" "$(node R --json conflicts)" "[]"
check "verify" node R verify

# ---- the old PC comes to life again: what it never sent comes, too
node C --json sync >"$out"
equal "the old one ends equal" "$(json "$out" 'd["equal"]')" True
node R --json sync >"$out"
check "nothing is lost after all" node R get product "$key3"
equal "the old one keeps its name" "$(status_of C 'd["node"]')" "$first"
for n in C R; do
	equal "$n holds what the province holds" "$(digest "$tmp/$n" --unit 18538)" "$(digest "$tmp/A" --unit 18538)"
done

# ---- copied into place by hand instead of restored: the mark is in the file
mkdir -m 700 "$tmp/H" && cp "$tmp/c.bak" "$tmp/H/ocop.db" && cp "$tmp/C/node.key" "$tmp/H/node.key"
check "it starts" node H status
check "under a new name" test "$(status_of H 'd["node"]')" != "$first"

# ---- while others save
daemon_start "$tmp/C"
c_pid=$daemon_pid
for i in $(seq 1 60); do
	node C put product new name="P $i" unit=18538 || break
done >"$tmp/keys" 2>/dev/null &
saver=$!
for i in 1 2 3 4 5 6; do
	check "backup $i while others save" node C backup "$tmp/live$i.bak"
	node "L$i" restore "$tmp/live$i.bak" >/dev/null
	check "it restores and verifies" node "L$i" verify
done
wait $saver
equal "nobody was held up" "$(wc -l <"$tmp/keys")" 60
check "restore while the daemon runs is refused" eval '! node C restore "$tmp/live1.bak"'
daemon_stop "$c_pid"

# ---- a sealed key stays sealed
echo "mật khẩu của tôi" >"$tmp/pass"
"$OCOP" --data "$tmp/A" invite --unit 18403 --out "$tmp/S.inv" >/dev/null
OCOP_PASSPHRASE_FILE="$tmp/pass" "$OCOP" --data "$tmp/S" join "$tmp/S.inv" --parent "$root_url" >/dev/null
check "backup asks for no passphrase" node S backup "$tmp/s.bak"
check "nor does restore" node T restore "$tmp/s.bak"
equal "the key is as it was" "$(sha256sum <"$tmp/T/node.key")" "$(sha256sum <"$tmp/S/node.key")"
check "it is sealed" test "$(stat -c %s "$tmp/T/node.key")" -gt 32
exits "without the passphrase it does not write" 77 node T put product new name=x unit=18403
check "with it, it does" env OCOP_PASSPHRASE_FILE="$tmp/pass" "$OCOP" --data "$tmp/T" put product new name=x unit=18403

# ---- the province itself
key5=$(node A put product new name="after the backup" unit=18538)
node C sync >/dev/null
daemon_stop "$root_pid"
check "the province is restored" node A2 restore "$tmp/a.bak"
daemon_start "$tmp/A2" "${root_url#http://}"
root_pid=$daemon_pid
equal "says so" "$(status_of A2 'd["restored"]')" True
node C --json sync >"$out" 2>"$err"
equal "a round with it ends equal" "$(json "$out" 'd["equal"]')" True
check "it gets back what its offices hold" node A2 get product "$key5"
equal "and says so no longer" "$(status_of A2 'd["restored"]')" False
node C --json sync >"$out" 2>"$err"
equal "and again" "$(json "$out" 'd["equal"]')" True
check "verify" node A2 verify
daemon_stop "$root_pid"
exit $failed
