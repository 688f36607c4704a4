#!/usr/bin/env bash
# A commune's machine is stolen: its district revokes it and lets in a new one.  What the thief writes counts nowhere,
# whatever way it takes; what the commune had written before stays, and the new machine gets it back.
. "$(dirname "$0")/common.bash"

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
number_of() { node "$1" --json status >"$out" && json "$out" 'd["node"]'; }
held_at() {
	node "$1" --json quarantine >"$out" && json "$out" 'len([q for q in d if q.get("where", "here") == "here"])'
}
names() { node "$1" --json list product >"$out" && json "$out" 'sorted(r["set"]["name"] for r in d)'; }
link_up() {
	daemon_start "$tmp/D" "${district_url#http://}" || exit 1
	district_pid=$daemon_pid
}
link_down() { daemon_stop "$district_pid"; }
settle() { # NODE…
	local n
	link_up
	for _ in 1 2; do
		for n in "$@"; do node "$n" sync >/dev/null || not_ok "the round of $n" "status $?"; done
		node D sync >/dev/null 2>&1 || true
	done
	link_down
	node D sync >/dev/null || not_ok "the district's round" "status $?"
}
all_equal() { # NAME NODE…
	local want n
	want=$(digest "$tmp/A" --unit 18133)
	for n in "${@:2}"; do
		equal "$1: $n holds what the province holds" "$(digest "$tmp/$n" --unit 18133)" "$want"
	done
}

check "the master" tree_make
check "the district" node_join "$tmp/D" 439 "$root_url"
daemon_start "$tmp/D" || exit 1
district_url=$sync_url district_pid=$daemon_pid
check "the commune's machine" node_join "$tmp/B" 18133 "$sync_url"
check "another machine of the commune" node_join "$tmp/C" 18133 "$sync_url"
link_down
[ $failed = 0 ] || exit 1
stolen=$(number_of B)

node B put product new name=before unit=18133 >/dev/null
settle B C
all_equal "before" B C D

# ---- the district hears of the theft; the other machine of the commune does not yet
exits "a revocation says why" 64 node D revoke "$stolen"
exits "a node that is not there" 65 node D revoke ffffffff --reason x
check "the district revokes" "$OCOP" --data "$tmp/D" revoke "${stolen:0:6}" --reason "stolen from the office"
node D --json peers >"$out"
equal "peers says so" "$(json "$out" '[p["node"] for p in d if p["revoked"]]')" "['$stolen']"
exits "twice is once" 65 node D revoke "$stolen" --reason again

# ---- the thief goes on
check "the thief writes" "$OCOP" --data "$tmp/B" put product new name=thief unit=18133
daemon_start "$tmp/B" || exit 1
check "he lets in a machine of his own" node_join "$tmp/G" 18133 "$sync_url"
check "which hears its credential" "$OCOP" --data "$tmp/G" sync
daemon_stop "$daemon_pid"
check "and writes" "$OCOP" --data "$tmp/G" put product new name=ghost unit=18133
link_up
exits "the district refuses him" 77 node B sync
says "and says why" "revoked on .*stolen from the office" "$err"
link_down
daemon_start "$tmp/C" || exit 1
exits "he meets one who has not heard" 0 node B sync --peer "$sync_url"
exits "his machine, too" 0 node G sync --peer "$sync_url"
daemon_stop "$daemon_pid"
equal "who takes it" "$(names C)" "['before', 'ghost', 'thief']"

# ---- the news goes round
settle C
all_equal "after" C D
for n in A C D; do
	equal "$n shows what was before" "$(names $n)" "['before']"
	equal "$n keeps out the thief's change, his machine and its change" "$(held_at $n)" 3
	check "$n verifies" "$OCOP" --data "$tmp/$n" verify
done
node C --json quarantine >"$out"
says "the quarantine says why" "revoked on .*stolen from the office" "$out"

# ---- a new machine
link_up
check "a new machine" node_join "$tmp/N" 18133 "$district_url"
check "reconciles" "$OCOP" --data "$tmp/N" sync
link_down
equal "it has its unit's data back" "$(names N)" "['before']"
check "it writes" "$OCOP" --data "$tmp/N" put product new name=new unit=18133
settle N C
all_equal "handed over" N C D

# ---- one change of the stolen machine was right after all
thiefs() {
	node "$1" --json quarantine >"$out" && json "$out" '[q["id"] for q in d if q["node"] == "'"$stolen"'"][-1]'
}
id=$(thiefs D)
exits "the commune does not decide" 77 node C quarantine release "$(thiefs C)"
check "the district releases it" "$OCOP" --data "$tmp/D" quarantine release "$id" --note "was ours"
settle N C
all_equal "released" N C D
equal "it is there" "$(names A)" "['before', 'new', 'thief']"
equal "the rest is kept out" "$(held_at A)" 2
for n in A C D N; do check "$n verifies at the end" "$OCOP" --data "$tmp/$n" verify; done
exit $failed
