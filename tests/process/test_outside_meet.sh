#!/usr/bin/env bash
# What four offices see when they write the same row without a link: two nodes of one commune, their district, the
# province.
. "$(dirname "$0")/common.bash"

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
link_up() {
	daemon_start "$tmp/D" "${district_url#http://}" || exit 1
	district_pid=$daemon_pid
}
link_down() { daemon_stop "$district_pid"; }    # the district's daemon also carries what it gets to the province
settle() {
	local n
	link_up
	for _ in 1 2; do
		for n in C B D C B; do node "$n" sync >/dev/null || not_ok "the round of $n" "status $?"; done
	done
	link_down
}
all_equal() { # NAME
	local want n
	want=$(digest "$tmp/A" --unit 18133)
	for n in B C D; do equal "$1: $n holds what the province holds" "$(digest "$tmp/$n" --unit 18133)" "$want"; done
}
names() {
	node "$1" --json conflicts >"$out" &&
		json "$out" 'sorted(str(s["value"]) for c in d for s in c["siblings"])'
}
id_of() { node "$1" --json conflicts >"$out" && json "$out" 'd[0]["id"]'; }
take() { # NODE VALUE
	local id number
	id=$(id_of "$1")
	number=$(json "$out" "[s['value'] for s in d[0]['siblings']].index('$2')")
	check "$1 takes $2" "$OCOP" --data "$tmp/$1" conflicts resolve "$id" --take "$number"
}

check "the master" tree_make
check "the district" node_join "$tmp/D" 439 "$root_url"
daemon_start "$tmp/D" || exit 1
district_url=$sync_url district_pid=$daemon_pid
check "a node of the commune" node_join "$tmp/B" 18133 "$sync_url"
check "another node of the commune" node_join "$tmp/C" 18133 "$sync_url"
link_down
[ $failed = 0 ] || exit 1

key=$(node B put product new name=first unit=18133)
settle
for n in A B C D; do node $n put product "$key" name="of $n" >/dev/null; done
settle
all_equal "four values of one cell"
for n in A B C D; do
	equal "$n keeps all four" "$(names $n)" "['of A', 'of B', 'of C', 'of D']"
	node $n --json get product "$key" >"$out"
	equal "$n shows the province's" "$(json "$out" 'd["set"]["name"]')" "of A"
done
equal "the conflict has one name everywhere" "$(id_of B)" "$(id_of A)"

take B "of B"
take D "of D"
settle
all_equal "settled in two ways at once"
equal "the two decisions stand side by side" "$(names A)" "['of B', 'of D']"
check "the province decides" "$OCOP" --data "$tmp/A" conflicts resolve "$(id_of A)" --set name=last
settle
all_equal "decided"
for n in A B C D; do equal "$n has nothing open" "$(names $n)" "[]"; done
node C --json log product "$key" >"$out"
equal "the history keeps every name" "$(json "$out" 'sorted({c["to"] for e in d for c in e["changes"]
	if c["column"] == "name"})')" "['first', 'last', 'of A', 'of B', 'of C', 'of D']"

for order in "B D" "D B"; do
	read -r one other <<<"$order"
	key=$(node C put product new name=short unit=18133)
	settle
	node "$one" delete product "$key" >/dev/null
	node "$other" put product "$key" name=longer >/dev/null
	settle
	all_equal "deleted at $one, edited at $other"
	check "the row stands" "$OCOP" --data "$tmp/C" get product "$key"
	node A --json conflicts >"$out"
	equal "as a conflict about the row" "$(json "$out" '[c["column"] for c in d]')" "[None]"
	check "let it go" "$OCOP" --data "$tmp/A" conflicts resolve "$(id_of A)" \
		--take "$(json "$out" '[s["deleted"] for s in d[0]["siblings"]].index(True)')"
	settle
	exits "it is gone" 65 "$OCOP" --data "$tmp/C" get product "$key"
	equal "nothing is open" "$(names B)" "[]"
done

key=$(node B put product new name=stamped unit=18133)
settle
batch=$(node A put stamp_batch new product="$key" serial_from=1 serial_to=100 stars=3)
settle
use=$(node B put stamp_use new stamp_batch="$batch" used=10 spoiled=1)
settle
node A put stamp_use "$use" used=+1000 >/dev/null
node B put stamp_use "$use" used=+5 >/dev/null
node C put stamp_use "$use" used=+100 spoiled=+2 >/dev/null
node D put stamp_use "$use" used=+7 >/dev/null
settle
all_equal "counted at four offices"
node D --json get stamp_use "$use" >"$out"
equal "the sums" "$(json "$out" '[d["set"]["used"], d["set"]["spoiled"]]')" "[1122, 3]"
for n in A B C D; do check "verify $n" "$OCOP" --data "$tmp/$n" verify; done
exit $failed
