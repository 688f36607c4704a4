#!/bin/bash
# A daemon under the rudest clients: it keeps within its memory and its descriptors, the local user and a true node are
# served meanwhile, and nothing of it is left afterwards.
. "$(dirname "$0")/common.bash"
here=$(dirname "$0")

MEMORY_KB_MAX=131072
DESCRIPTORS_MAX=256
SECONDS_FLOOD=8

tree_make
node_join "$tmp/C" 18538 "$root_url"
check "a commune" test -d "$tmp/C"
"$OCOP" --data "$tmp/C" put product new name=Trước unit=18538 >/dev/null
check "is equal before" "$OCOP" --data "$tmp/C" sync
"$OCOP" --data "$tmp/A" --json status >"$out"
origin=$(json "$out" 'd["node"]')
before=$(digest "$tmp/A")

descriptors() { ls "/proc/$root_pid/fd" | wc -l; }

python3 "$here/flood.py" "${root_url##*:}" "${root_office##*:}" "$origin" $SECONDS_FLOOD >"$tmp/flood.out" \
	2>"$tmp/flood.err" &
flood_pid=$!
pids+=($flood_pid)
sleep 2
most=0
served=0
slow=0
end=$((SECONDS + SECONDS_FLOOD - 4))
while [ $SECONDS -lt $end ]; do
	n=$(descriptors)
	[ "$n" -le $most ] || most=$n
	start=$(date +%s%N)
	"$OCOP" --data "$tmp/A" put product new name=Giữa unit=18538 >/dev/null 2>>"$tmp/put.err" &&
		served=$((served + 1))
	[ $((($(date +%s%N) - start) / 1000000)) -lt 3000 ] || slow=$((slow + 1))
	sleep 0.1
done
check "the local user saved during the flood ($served times)" test "$served" -ge 3
equal "and never waited for long" $slow 0
check "a true node reconciled during the flood" "$OCOP" --data "$tmp/C" sync
check "descriptors during the flood: $most" test "$most" -le $DESCRIPTORS_MAX
wait $flood_pid
check "the flood came: $(cat "$tmp/flood.out")" grep -q 'round_4' "$tmp/flood.out"
says "rounds without proof are refused" 'round_40[03]=' "$tmp/flood.out"
says "failing joins have to wait" 'join_503=' "$tmp/flood.out"
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$root_pid/status")
check "memory at most: $peak kB" test "$peak" -le $MEMORY_KB_MAX
check "it serves afterwards" curl -sf "$root_office/healthz"
few() { [ "$(descriptors)" -le 60 ]; }
check "and lets go of what was held" until_true 20 few
check "both are equal afterwards" "$OCOP" --data "$tmp/C" sync
"$OCOP" --data "$tmp/C" --json sync >"$out"
equal "equal" "$(json "$out" 'd["equal"]')" True
check "nothing but true saves came in" test "$before" != "$(digest "$tmp/A")"
daemon_stop "$root_pid"
equal "it stops with 0" $? 0
check "verify" "$OCOP" --data "$tmp/A" verify
check "the log is short ($(wc -l <"$tmp/A.log") lines)" test "$(wc -l <"$tmp/A.log")" -le 300
exit $failed
