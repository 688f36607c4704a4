#!/bin/bash
# Databases that are none, or no longer: each gives a clear word and the right exit status; no signal, no hang, and what
# was there is left as it was.
. "$(dirname "$0")/common.bash"

tree_make
key=$("$OCOP" --data "$tmp/A" put product new name=X unit=18538)
daemon_stop "$root_pid"

change() { # PYTHON over f, the path; db(): a connection
	python3 - "$tmp/D/ocop.db" "$1" <<'PYTHON'
import os, sqlite3, struct, sys
f = sys.argv[1]
def db():
    return sqlite3.connect(f, isolation_level=None)
def cut(n):
    with open(f, "r+b") as o: o.truncate(n)
def poke(at, what):
    with open(f, "r+b") as o: o.seek(at); o.write(what)
size = os.path.getsize(f)
page = struct.unpack(">H", open(f, "rb").read(18)[16:])[0]
exec(sys.argv[2])
PYTHON
}

# NAME STATUSES CHANGE [PATTERN]: reading and saving end with one of the statuses, and say why.
damaged() {
	local name=$1 want=$2 status what before after
	rm -rf "$tmp/D"
	cp -r "$tmp/A" "$tmp/D"
	change "$3" || { not_ok "$name" "cannot be made"; return; }
	before=$(cat "$tmp/D/ocop.db" 2>/dev/null | sha256sum)
	for what in 'list product' "get product $key" status 'put product new name=Y unit=18538' verify; do
		timeout 20 "$OCOP" --data "$tmp/D" $what >"$out" 2>"$err"
		status=$?
		case " $want " in
		*" $status "*) ok "$name: ${what%% *} ends with $status" ;;
		*) not_ok "$name: ${what%% *}" "status $status, none of $want: $(tail -n 1 "$err")" ;;
		esac
		[ "$status" = 0 ] || [ "$status" = 1 ] || [ -s "$err" ] || not_ok "$name: ${what%% *}" "says nothing"
	done
	timeout 20 "$OCOP" --data "$tmp/D" serve --sync 127.0.0.1:0 --office 127.0.0.1:0 --insecure-loopback \
		>"$tmp/D.ready" 2>"$err" &
	local pid=$!
	until_true 10 eval "grep -q 'ready office' '$tmp/D.ready' || ! kill -0 $pid"
	kill -TERM $pid 2>/dev/null
	wait $pid
	status=$?
	case " $want " in
	*" $status "*) ok "$name: serve ends with $status" ;;
	*) not_ok "$name: serve" "status $status, none of $want: $(tail -n 1 "$err")" ;;
	esac
	case " $want " in
	*" 0 "*) ;;
	*)
		after=$(cat "$tmp/D/ocop.db" 2>/dev/null | sha256sum)
		equal "$name: the file is as it was" "$after" "$before"
		;;
	esac
	[ -z "${4:-}" ] || says "$name: says so" "$4" "$err"
}

damaged "empty file" 74 'cut(0)'
damaged "a header alone" 74 'cut(100)'
damaged "half a page" 74 'cut(page // 2)'
damaged "cut in the middle" 74 'cut(size // 2 // page * page)'
damaged "cut within a page" 74 'cut(size // 2 // page * page + 17)'
damaged "zeros" 74 'cut(0); cut(size)'
damaged "text" 74 'cut(0); poke(0, b"unit,name\n18538,X\n" * 1000)'
damaged "another magic" 74 'poke(0, b"SQLite format 4\0")'
damaged "a page size that is none" 74 'poke(16, b"\x12\x34")'
damaged "another page size" 74 'poke(16, b"\x02\x00")'
damaged "a format of the future" 74 'poke(18, b"\x09\x09")'
damaged "garbled schema" 74 'poke(100, b"\xff" * (page - 100))'
damaged "another program's mark" 65 'db().execute("PRAGMA application_id=7")' 'not made by this program'
damaged "a newer schema" "65 69" 'db().execute("PRAGMA user_version=9999")' 'newer program'
damaged "no tables" "65 74" 'os.unlink(f); d = db(); d.execute("CREATE TABLE x(a)")'
damaged "a directory" 74 'os.unlink(f); os.mkdir(f)'
damaged "a table in the place of another" "65 74" 'd = db(); d.execute("DROP TABLE sync_meta"); '\
'd.execute("CREATE TABLE sync_meta(a)")'
# Nothing is saved on such ground, or it is saved as ever; never is there a signal.
damaged "no log of commits" "65 74 0" 'db().execute("DROP TABLE sync_log")'
damaged "a view in the place of a table" "65 74 0" 'd = db(); d.execute("ALTER TABLE sync_stream RENAME TO x"); '\
'd.execute("CREATE VIEW sync_stream AS SELECT * FROM x")'

# A log (WAL) that belongs to nothing, or is no log: what it does not prove is not taken.
damaged "a garbled log" "0" 'open(f + "-wal", "wb").write(os.urandom(100000))'
damaged "a log cut short" "0" 'open(f + "-wal", "wb").write(bytes.fromhex("377f0682002de218") + bytes(9))'
damaged "a garbled index of the log" "0" 'open(f + "-shm", "wb").write(os.urandom(32768))'

# What somebody added by hand takes no part in saving.
rm -rf "$tmp/D" && cp -r "$tmp/A" "$tmp/D"
change 'd = db(); d.execute("CREATE TRIGGER helpful AFTER INSERT ON product BEGIN "'\
'"UPDATE product SET name = char(120, 120); END")'
timeout 20 "$OCOP" --data "$tmp/D" put product new name=Z unit=18538 >"$out" 2>"$err"
status=$?
"$OCOP" --data "$tmp/D" --json get product "$key" >"$out" 2>>"$err"
if [ $status != 0 ] || [ "$(json "$out" 'd["set"]["name"]')" = X ]; then
	ok "a foreign trigger changes nothing"
else
	not_ok "a foreign trigger changes nothing" "status $status, $(head -c 200 "$out")"
fi
exit $failed
