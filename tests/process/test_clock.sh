#!/usr/bin/env bash
# Machines in the wrong year (TRUST.md C13-C16): a commune in 2099, one in 1970, a parent in 2099.
. "$(dirname "$0")/common.bash"

if ! command -v faketime >/dev/null; then
	echo "skip: faketime is not installed"
	exit 0
fi

in_2099() { faketime --exclude-monotonic -f '+80y' "$@"; }
in_1970() { faketime --exclude-monotonic '1970-01-02 00:00:00' "$@"; }
A() { "$OCOP" --data "$tmp/A" "$@"; }
B() { in_2099 "$OCOP" --data "$tmp/B" "$@"; }
C() { "$OCOP" --data "$tmp/C" "$@"; }
D() { in_1970 "$OCOP" --data "$tmp/D" "$@"; }
clock_of() { # STATUS-JSON EXPRESSION
	json "$1" "d['clock']$2"
}
name_at() { # NODE KEY
	"$1" --json get product "$2" >"$tmp/name" && json "$tmp/name" 'd["set"]["name"]'
}

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune joins" node_join "$tmp/B" 18538 "$root_url"
check "a second machine there" node_join "$tmp/C" 18538 "$root_url"
check "a third" node_join "$tmp/D" 18538 "$root_url"
key=$("$OCOP" --data "$tmp/C" put product new name="Cam" unit=18538)
other=$("$OCOP" --data "$tmp/C" put product new name="Bưởi" unit=18538)
for n in B C D; do
	check "$n reconciles" "$OCOP" --data "$tmp/$n" sync
done
for n in B D; do
	check "$n has all" "$OCOP" --data "$tmp/$n" sync
done

# 2099: corrected by the first contact, and what was written there does not win over what came later.
before=$("$OCOP" --data "$tmp/B" --json status | python3 -c 'import json,sys; print(json.load(sys.stdin)["node"])')
check "in 2099 a change is saved" B put product "$key" name="Cam 2099"
sleep 1
check "a later one elsewhere" C put product "$key" name="Cam sau"
check "2099 reconciles" B sync
check "once more" B sync
B --json status >"$out"
equal "its clock is allowed for" "$(clock_of "$out" '["badge"]')" ahead
check "it goes under another name" test "$(json "$out" 'd["node"]')" != "$before"
check "the other reconciles" C sync
check "the other once more" C sync
check "2099 again" B sync
equal "the later change shows at 2099" "$(name_at B "$key")" "Cam sau"
equal "and at the other" "$(name_at C "$key")" "Cam sau"
equal "and at the master" "$(name_at A "$key")" "Cam sau"
A --json status >"$out"
equal "the master's clock is right" "$(clock_of "$out" '["badge"]')" ok
equal "nothing waits there" "$(clock_of "$out" '["waiting"]')" "[]"
A --json log product "$key" >"$tmp/log"
check "nobody sees the year 2099" test "$(grep -c '"time": *"20[3-9]' "$tmp/log")" = 0

# 1970: it works, and its change is later than what was there.
check "an earlier change" C put product "$other" name="Bưởi trước"
sleep 1
check "in 1970 a change is saved" D put product "$other" name="Bưởi 1970"
D --json status >"$out"
equal "it knows" "$(clock_of "$out" '["badge"]')" behind
check "1970 reconciles" D sync
check "1970 once more" D sync
check "the other reconciles with it" C sync
check "and once more" C sync
equal "the later change shows" "$(name_at C "$other")" "Bưởi 1970"
check "1970 gets the rest" D sync
check "2099 gets the rest" B sync
equal "all hold the same (1970)" "$(D digest --unit 18538)" "$(A digest --unit 18538)"
equal "all hold the same (2099)" "$(B digest --unit 18538)" "$(A digest --unit 18538)"

# A parent in 2099: its children stay where they are, its commits wait.
daemon_stop "$root_pid"
in_2099 "$OCOP" --data "$tmp/A" put product "$key" name="Cam tỉnh 2099" >/dev/null
OCOP_PLAIN=$OCOP
printf '#!/bin/sh\nexec faketime --exclude-monotonic -f +80y %s "$@"\n' "$OCOP_PLAIN" >"$tmp/ocop-2099"
chmod +x "$tmp/ocop-2099"
OCOP=$tmp/ocop-2099
daemon_start "$tmp/A"
OCOP=$OCOP_PLAIN
# faketime stays the daemon's parent, and passes no signal on.
read -r daemon_itself </proc/$daemon_pid/task/$daemon_pid/children
pids+=("$daemon_itself")
C sync --peer "$sync_url" --json >"$out"
equal "the round says what waits" "$(json "$out" 'd["held_back"] > 0 and not d["equal"]')" True
equal "its change is not taken" "$(name_at C "$key")" "Cam sau"
C --json status >"$out"
equal "the child's clock stays" "$(clock_of "$out" '["offset_ms"]')" 0
equal "and it says that one of them is wrong" "$(clock_of "$out" '["badge"]')" unsure
kill -TERM "$daemon_itself"
wait "$daemon_pid"
check "no daemon is left" test ! -e "/proc/$daemon_itself"

for n in A C; do
	check "$n verifies" "$OCOP" --data "$tmp/$n" verify
done
exit $failed
