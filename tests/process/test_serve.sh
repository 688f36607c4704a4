#!/usr/bin/env bash
# Daemons of three tiers: joining, changes that travel by themselves both ways, conflicts, the office's API, stopping.
. "$(dirname "$0")/common.bash"

A() { "$OCOP" --data "$tmp/A" "$@"; }
B() { "$OCOP" --data "$tmp/B" "$@"; }
C() { "$OCOP" --data "$tmp/C" "$@"; }
holds() { "$OCOP" --data "$tmp/$1" get product "$2" >/dev/null 2>&1; } # NODE KEY
name_is() { # NODE KEY NAME
	"$OCOP" --data "$tmp/$1" --json get product "$2" >"$tmp/name" &&
		[ "$(json "$tmp/name" 'd["set"]["name"]')" = "$3" ]
}
conflicts_are() { # NODE COUNT
	"$OCOP" --data "$tmp/$1" --json conflicts >"$tmp/conflicts" && [ "$(json "$tmp/conflicts" 'len(d)')" = "$2" ]
}

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a district joins" node_join "$tmp/B" 444 "$root_url"
check "the district knows its unit" test "$(B --json status >"$out"; json "$out" 'd["unit"]')" = 444
equal "what it holds is equal" "$(digest "$tmp/B")" "$(digest "$tmp/A")"
exits "an invitation is good for one node" 77 "$OCOP" --data "$tmp/X" join "$tmp/B.invitation" --parent "$root_url"
check "a refused join leaves nothing" test ! -e "$tmp/X"
daemon_start "$tmp/B"
b_url=$sync_url
b_pid=$daemon_pid
check "a commune joins at the district" node_join "$tmp/C" 18538 "$b_url"
check "the commune knows its parent" test "$(C --json status >"$out"; json "$out" 'd["parent"]["url"]')" = "$b_url"
daemon_start "$tmp/C"
c_pid=$daemon_pid
c_office=$office_url

# Upward and downward, by themselves.
key=$(C put product new name="Cam Khe Mây" unit=18538 --author xã)
check "a save reaches the district" until_true 3 holds B "$key"
check "and the province" until_true 3 holds A "$key"
A put product "$key" name="Cam Khe Mây Long Nhâm" >/dev/null
check "the province's change reaches the commune" until_true 5 name_is C "$key" "Cam Khe Mây Long Nhâm"
other=$(A put product new name="Nước mắm" unit=18403)
sleep 0.5
exits "another commune's product stays away" 65 C get product "$other"
exits "and out of another district" 65 B get product "$other"
group=$(A --json import product_group "$data/product-groups-2026.csv" >/dev/null && echo yes)
equal "published data" "$group" yes
check "goes down to the commune" until_true 5 "$OCOP" --data "$tmp/C" get product_group QD26-01

# Time from a save to the next tier.
start=$(date +%s%N)
key2=$(C put product new name="Bưởi" unit=18538)
until_true 3 holds B "$key2"
ms=$((($(date +%s%N) - start) / 1000000))
check "within a second at the next tier ($ms ms)" test "$ms" -lt 1000

# A conflict: both write while they cannot talk.
daemon_stop "$b_pid"
C put product "$key" name="Tên của xã" >/dev/null
A put product "$key" name="Tên của tỉnh" >/dev/null
daemon_start "$tmp/B" "${b_url#http://}"
b_pid=$daemon_pid
check "the district came back at its address" test "$sync_url" = "$b_url"
check "both names are kept at the province" until_true 15 conflicts_are A 1
check "and at the commune" until_true 15 conflicts_are C 1
A --json conflicts >"$out"
id=$(json "$out" 'd[0]["id"]')
equal "the higher office's name is shown" "$(json "$out" 'd[0]["shown"]')" "Tên của tỉnh"
equal "with both siblings" "$(json "$out" '" | ".join(sorted(x["value"] for x in d[0]["siblings"]))')" \
	"Tên của tỉnh | Tên của xã"
check "the commune settles it" C conflicts resolve "$id" --set "name=Tên chung"
check "everywhere" until_true 5 conflicts_are A 0
check "by its value" until_true 5 name_is A "$key" "Tên chung"

# sync through the daemon
check "sync --json through the daemon" C --json sync
equal "ends equal" "$(json "$out" 'd["equal"]')" True
check "nothing to do costs little" test "$(json "$out" 'd["bytes_up"]+d["bytes_down"]')" -le 400
check "sync with a node that is not the parent" C --json sync --peer "$root_url"
exits "sync with nobody" 69 C sync --peer http://127.0.0.1:1
check "peers" C --json peers
equal "all nodes are known" "$(json "$out" 'len(d)')" 3

# The office's API.
get() { curl -s -o "$out" -w '%{http_code}' "$@"; }
equal "healthz" "$(get "$c_office/healthz")" 200
equal "metrics" "$(get "$c_office/metrics")" 200
says "metrics are figures" '^ocop_commits_total [0-9]+$' "$out"
equal "page" "$(get "$c_office/")" 200
equal "api: list" "$(get "$c_office/api/v1/product?name=cam")" 200
equal "api: get" "$(get "$c_office/api/v1/product/$key")" 200
equal "api: get shows the row" "$(json "$out" 'd["set"]["name"]')" "Tên chung"
equal "api: no such row" "$(get "$c_office/api/v1/product/00000000000000000000000000")" 404
equal "api: problem details" "$(json "$out" 'd["status"]')" 404
post() { curl -s -o "$out" -w '%{http_code}' -H 'Content-Type: application/json' -d "$1" "$2"; }
producer() { echo '{"changes":[{"table":"producer","key":"new","set":{'"$1"'}}]}'; }
equal "api: save" "$(post "$(producer '"name":"X","unit":"18538"')" "$c_office/api/v1/save")" 200
equal "api: bad save" "$(post "$(producer '"nane":"X"')" "$c_office/api/v1/save")" 400
equal "api: not JSON" "$(post '{"changes":' "$c_office/api/v1/save")" 400
equal "api: another page's form is refused" "$(get -d '{}' "$c_office/api/v1/save")" 415
equal "api: another host's name is refused" "$(get -H 'Host: evil.example' "$c_office/api/v1/status")" 403
equal "api: another origin is refused" "$(get -H 'Origin: http://evil.example' "$c_office/api/v1/status")" 403
equal "sync: garbage is refused" "$(get --data-binary 'garbage' "$b_url/sync/v1/round")" 400
equal "sync: hello" "$(get "$b_url/sync/v1/hello")" 200

# Stopping.
below_is_equal() { [ "$(digest "$tmp/B" --unit 18538)" = "$(digest "$tmp/C" --unit 18538)" ]; }
check "same digest of what both hold" until_true 5 below_is_equal
for node in C:$c_pid B:$b_pid A:$root_pid; do
	start=$(date +%s%N)
	kill -TERM "${node#*:}"
	wait "${node#*:}"
	status=$?
	ms=$((($(date +%s%N) - start) / 1000000))
	equal "${node%:*} stops with 0" "$status" 0
	check "${node%:*} stops in time ($ms ms)" test "$ms" -lt 2000
done
for node in A B C; do check "verify $node" "$OCOP" --data "$tmp/$node" verify; done
check "no personal data in the log" test "$(cat "$tmp"/*.log | grep -cE 'Cam|Tên|Bưởi|xã')" = 0
exit $failed
