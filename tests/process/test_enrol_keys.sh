#!/usr/bin/env bash
# Keys at rest: who may read them, where the root key lies, what a passphrase does.
. "$(dirname "$0")/common.bash"

units=$data/units-2018.csv
node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
A() { node A "$@"; }
mode() { stat -c %a "$1"; }

# ---- the root key apart
check "init --root-key" A init --unit 42 --units "$units" --root-key "$tmp/stick.key"
says "says where it is" "stick.key" "$out"
check "it is not in the directory" test ! -e "$tmp/A/root.key"
equal "it is private" "$(mode "$tmp/stick.key")" 600
equal "it is a key" "$(stat -c %s "$tmp/stick.key")" 32
mv "$tmp/stick.key" "$tmp/away.key"
daemon_start "$tmp/A"
check "the daemon runs without it" A put product new name=x unit=18538
check "and invites" A invite --unit 18538 --out "$tmp/C.inv"
check "and lets in" node C join "$tmp/C.inv" --parent "$sync_url"
daemon_stop "$daemon_pid"
sum=$(sha256sum <"$tmp/away.key")
exits "a key is never overwritten" 73 node B init --unit 42 --units "$units" --root-key "$tmp/away.key"
says "and says what to do" "another file" "$err"
equal "it is as it was" "$(sha256sum <"$tmp/away.key")" "$sum"
check "nothing was made" test ! -e "$tmp/B"
exits "a root key that cannot be written" 73 node B init --unit 42 --units "$units" --root-key "$tmp/no/such/key"
exits "an init that fails" 65 node B init --unit 1 --units "$units" --root-key "$tmp/new.key"
check "leaves no key" test ! -e "$tmp/new.key"
check "init without it" node B init --unit 42 --units "$units"
says "hints at it" "move root.key off" "$out"

# ---- modes
equal "the directory is private" "$(mode "$tmp/A")" 700
equal "all in it is" "$(cd "$tmp/B" && stat -c %a node.key root.key ocop.db lock | sort -u)" 600
mkdir -m 755 "$tmp/open"
check "a directory that was there" node open init --unit 42 --units "$units"
equal "is closed" "$(mode "$tmp/open")" 700
for key in node.key root.key; do
	chmod 640 "$tmp/B/$key"
	exits "$key that others may read: reading" 77 node B list product
	says "names the file and the remedy" "$key.*chmod 600" "$err"
	exits "$key that others may read: writing" 77 node B put product new name=x unit=18538
	exits "$key that others may read: serving" 77 node B serve --sync 127.0.0.1:0 --office 127.0.0.1:0 \
		--insecure-loopback
	chmod 600 "$tmp/B/$key"
done
chmod 644 "$tmp/B/ocop.db"
check "a closed directory guards the rest" node B list product
chmod 755 "$tmp/B"
exits "an open one does not" 77 node B list product
says "the file is named" "ocop.db.*chmod 600" "$err"
chmod 600 "$tmp/B"/ocop.db*
check "with private files it may be open" node B list product
chmod 700 "$tmp/B"
if [ "$(id -u)" = 0 ]; then
	chown 12345 "$tmp/B/node.key"
	exits "a key of another user" 77 node B list product
	says "is not used" "another user" "$err"
	chown 0 "$tmp/B/node.key"
fi
check "all is well again" node B put product new name=x unit=18538

# ---- a passphrase
printf 'mật khẩu của máy\nnot this line\n' >"$tmp/pass"
printf 'mật khẩu khác\r\n' >"$tmp/pass2"
printf '\n' >"$tmp/empty"
check "init with a passphrase" node S init --unit 42 --units "$units" --passphrase-file "$tmp/pass"
equal "the keys are sealed" "$(head -c 8 "$tmp/S/node.key")$(head -c 8 "$tmp/S/root.key")" OCOPKEY1OCOPKEY1
check "reading needs none" node S list unit
exits "writing without" 77 node S put product new name=x unit=18538
says "says what to set" OCOP_PASSPHRASE_FILE "$err"
export OCOP_PASSPHRASE_FILE=$tmp/pass2
exits "a wrong one" 77 node S put product new name=x unit=18538
says "says so" "not that of the key" "$err"
exits "an empty one" 65 env OCOP_PASSPHRASE_FILE="$tmp/empty" "$OCOP" --data "$tmp/S" put product new name=x unit=18538
exits "a missing file" 65 env OCOP_PASSPHRASE_FILE="$tmp/none" "$OCOP" --data "$tmp/S" put product new name=x unit=18538
exits "the daemon with a wrong one" 77 node S serve --sync 127.0.0.1:0 --office 127.0.0.1:0 --insecure-loopback
export OCOP_PASSPHRASE_FILE=$tmp/pass
check "the right one" node S put product new name=x unit=18538
daemon_start "$tmp/S"
check "the daemon with it" test -n "$sync_url"
check "an invitation" node S invite --unit 18538 --out "$tmp/T.inv"
check "asked for without a link" env OCOP_PASSPHRASE_FILE= "$OCOP" --data "$tmp/T" join "$tmp/T.inv" \
	--request "$tmp/T.req" --passphrase-file "$tmp/pass2"
check "admitted" node S admit "$tmp/T.req" --out "$tmp/T.ans"
exits "finished with another passphrase" 77 node T join --credential "$tmp/T.ans"
check "it waits as before" test -e "$tmp/T/joining" -a ! -e "$tmp/T/ocop.db"
check "with its own" node T join --credential "$tmp/T.ans" --passphrase-file "$tmp/pass2" --parent "$sync_url"
check "and works with it" env OCOP_PASSPHRASE_FILE="$tmp/pass2" "$OCOP" --data "$tmp/T" sync
A invite --unit 18538 --out "$tmp/U.inv" >/dev/null
daemon_stop "$daemon_pid"

# ---- changing it
check "passphrase --new" node S passphrase --new "$tmp/pass2"
exits "the old one is of no use" 77 node S put product new name=x unit=18538
check "the new one is" env OCOP_PASSPHRASE_FILE="$tmp/pass2" "$OCOP" --data "$tmp/S" put product new name=x unit=18538
exits "changed with the wrong one" 77 node S passphrase --plain
check "passphrase --plain" node S passphrase --plain --passphrase-file "$tmp/pass2"
equal "a plain key" "$(stat -c %s "$tmp/S/node.key")" 32
check "works without" env OCOP_PASSPHRASE_FILE= "$OCOP" --data "$tmp/S" put product new name=x unit=18538
check "works with the variable set, too" node S put product new name=x unit=18538
cp "$tmp/away.key" "$tmp/root" && chmod 600 "$tmp/root"
check "a root key elsewhere" node S passphrase --key "$tmp/root" --new "$tmp/pass"
check "is not the same bytes" eval '! cmp -s "$tmp/root" "$tmp/away.key"'
check "and back" node S passphrase --key "$tmp/root" --plain
check "is what it was" cmp "$tmp/root" "$tmp/away.key"
exits "neither --new nor --plain" 64 node S passphrase
truncate -s 50 "$tmp/root"
exits "not a key" 74 node S passphrase --key "$tmp/root" --plain

# ---- a sealed key that is damaged, or asks for too much
cp "$tmp/S/node.key" "$tmp/plain"
node S passphrase --new "$tmp/pass" >/dev/null
cp "$tmp/S/node.key" "$tmp/sealed"
alter() { # OFFSET HEX: a byte of the sealed key
	cp "$tmp/sealed" "$tmp/S/node.key"
	printf "\\x$2" | dd of="$tmp/S/node.key" bs=1 seek="$1" conv=notrunc status=none
}
alter 12 7f
exits "memory beyond all measure" 74 node S put product new name=x unit=18538
alter 8 7f
exits "time beyond all measure" 74 node S put product new name=x unit=18538
alter 90 00
cmp -s "$tmp/sealed" "$tmp/S/node.key" && alter 90 01
exits "a changed byte" 77 node S put product new name=x unit=18538
exit $failed
