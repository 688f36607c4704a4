#!/usr/bin/env bash
# Data directories that were copied or put back, without anybody saying so: nothing is lost, nobody else is affected,
# and no operator does anything.
. "$(dirname "$0")/common.bash"

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
origin() { node "$1" --json status >"$out" && json "$out" 'd["node"]'; }
forks() { node "$1" --json status >"$out" && json "$out" 'len(d["forks"])'; }
copy() { # FROM TO: what cp or an image of a stopped machine would make
	rm -rf "${tmp:?}/$2"
	cp -r "$tmp/$1" "$tmp/$2"
	rm -f "$tmp/$2/ocop.sock"
}
synced() { # NAME NODE: one round ends equal
	if node "$2" --json sync >"$out" 2>"$err" && [ "$(json "$out" 'd["equal"]')" = True ]; then
		ok "$1"
	else
		not_ok "$1" "$(head -c 300 "$out") $(tail -n 2 "$err")"
	fi
}
held() { # NAME NODE KEY…
	local key missing=""
	for key in "${@:3}"; do node "$2" get product "$key" >/dev/null 2>&1 || missing="$missing $key"; done
	equal "$1" "$missing" ""
}
all_equal() { # NAME NODE…: they hold what the province holds, and it all checks
	local n want
	want=$(digest "$tmp/A" --unit 18538)
	for n in "${@:2}"; do
		equal "$1: $n holds what the province holds" "$(digest "$tmp/$n" --unit 18538)" "$want"
		check "$1: verify $n" node "$n" verify
	done
	check "$1: verify A" node A verify
	equal "$1: nothing in quarantine" "$(node A --json quarantine)" "[]"
}
new_key() { node "$1" put product new name="$2" unit=18538; }

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a commune" node_join "$tmp/C" 18538 "$root_url"
check "another one" node_join "$tmp/B" 18403 "$root_url"
other=$(node B put product new name="Nước mắm" unit=18403)
base=$(new_key C "before")
synced "a round" C
synced "of both" B
first=$(origin C)
b_first=$(origin B)

# ---- two copies write apart
copy C K
c1=$(new_key C "of C 1")
c2=$(new_key C "of C 2")
k1=$(new_key K "of K 1")
k2=$(new_key K "of K 2")
node C put product "$base" name="C says" >/dev/null
node K put product "$base" name="K says" >/dev/null
synced "the first copy ends equal" C
synced "the second copy, too" K
synced "and the first once more" C
for n in C K A; do held "$n holds what both wrote" $n "$base" "$c1" "$c2" "$k1" "$k2"; done
all_equal "two copies" C K
equal "the first copy keeps its name" "$(origin C)" "$first"
check "the second has a new one" test "$(origin K)" != "$first"
for n in C K A; do
	node $n --json conflicts >"$out"
	equal "$n: both values stand" "$(json "$out" 'sorted(s["value"] for c in d for s in c["siblings"])')" \
		"['C says', 'K says']"
done
equal "K tells the fork" "$(forks K)" 1
node K --json status >"$out"
equal "that it yielded" "$(json "$out" '[(f["node"], f["yielded"], f["commits_here"]) for f in d["forks"]]')" \
	"[('$first', True, 3)]"
node A --json status >"$out"
equal "the province kept the other branch" "$(json "$out" '[(f["node"], f["yielded"], f["commits_there"])
	for f in d["forks"]]')" "[('$first', False, 3)]"
node K status >"$out"
says "in text, too" "from number [0-9]+ on: 3 commits here" "$out"
LC_ALL=vi_VN.UTF-8 "$OCOP" --data "$tmp/K" status >"$out" 2>/dev/null
says "in Vietnamese" "giữ làm bằng chứng" "$out"
LC_ALL=vi_VN.UTF-8 "$OCOP" --data "$tmp/K" peers >"$out" 2>/dev/null
says "the names it had, too" "tên cũ của máy này" "$out"
node A --json peers >"$out"
equal "peers names who was copied" "$(json "$out" '[p["node"] for p in d if p["forked"]]')" "['$first']"
check "metrics count it" eval "curl -s '$root_office/metrics' | grep -qx 'ocop_forks 1'"
synced "nobody else is affected" B
equal "and keeps its name" "$(origin B)" "$b_first"
held "B goes on" B "$other"
equal "B knows no fork" "$(forks B)" 0
c3=$(new_key C "later of C")
k3=$(new_key K "later of K")
synced "both go on" K
synced "C" C
synced "K" K
for n in C K A; do held "$n holds what came later" $n "$c3" "$k3"; done
all_equal "later" C K
node K --json conflicts >"$out"
id=$(json "$out" 'd[0]["id"]')
check "the conflict is settled like any" node K conflicts resolve "$id" --take 0
synced "and told" K
equal "everywhere" "$(node A --json conflicts)" "[]"

# ---- an older copy is put back
copy B B.old
b1=$(node B put product new name="lost 1" unit=18403)
b2=$(node B put product new name="lost 2" unit=18403)
node B put product "$other" name="newer" >/dev/null
synced "B is ahead of its copy" B
copy B.old B
held "the old copy lacks it" B "$other"
exits "and does not know" 65 node B get product "$b1"
synced "the old copy meets the province" B
held "it got back what it had lost" B "$b1" "$b2"
check "under a new name" test "$(origin B)" != "$b_first"
equal "nothing forked" "$(forks B)" 0
b3=$(node B put product new name="goes on" unit=18403)
synced "it goes on" B
held "the province holds it" A "$b1" "$b2" "$b3"
equal "as B does" "$(digest "$tmp/A" --unit 18403)" "$(digest "$tmp/B" --unit 18403)"
check "verify B" node B verify

# ---- put back, and written to before it meets anybody
copy B B.old
b4=$(node B put product new name="sent" unit=18403)
synced "sent" B
copy B.old B
b5=$(node B put product new name="written on the old copy" unit=18403)
synced "the two meet" B
held "both stand" B "$b4" "$b5"
held "at the province, too" A "$b4" "$b5"
equal "the same" "$(digest "$tmp/A" --unit 18403)" "$(digest "$tmp/B" --unit 18403)"
check "verify B again" node B verify
daemon_stop "$root_pid"
check "verify A at the end" node A verify
exit $failed
