#!/usr/bin/env bash
# Who holds what of a commune's work, since when: the district at once, the province when the district has been there,
# and the commune is told without doing anything for it.
. "$(dirname "$0")/common.bash"

C() { "$OCOP" --data "$tmp/C" "$@"; }
D() { "$OCOP" --data "$tmp/D" "$@"; }
held() { # KEY [TABLE]: here, parent, province?
	C --json get "${2:-dossier}" "$1" >"$tmp/held" &&
		json "$tmp/held" 'tuple(d["held"][x] is not None for x in ("here", "parent", "province"))'
}
status() { C --json status >"$tmp/status" && json "$tmp/status" "$1"; }

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a district joins" node_join "$tmp/D" 444 "$root_url"
daemon_start "$tmp/D"
district_url=$sync_url
check "a commune joins below it" node_join "$tmp/C" 18538 "$district_url"
check "and knows everybody" C sync
daemon_stop "$root_pid"

# The province is away.
product=$(C put product new name="Cam Khe Mây" unit=18538)
dossier=$(C put dossier new product="$product" kind=first)
equal "held here alone" "$(held "$dossier")" "(True, False, False)"
equal "nobody has told anything" \
	"$(status 'd["receipts"], d["to_receive"], d["quarantine_above"]')" "([], None, 0)"
check "the commune syncs with the district" C sync
equal "the district holds it" "$(held "$dossier")" "(True, True, False)"
equal "says the receipt" \
	"$(status '[(r["unit"], r["holder_unit"], r["complete"], r["fork"]) for r in d["receipts"]]')" \
	"[('18538', '444', True, False)]"
equal "number by number" \
	"$(json "$tmp/status" '[(s["held"], s["of"]) for s in d["receipts"][0]["streams"]]')" "[(2, 2)]"
equal "nothing is to come" "$(json "$tmp/status" 'd["to_receive"]')" "{'commits': 0}"
equal "the dossier is not at the province" "$(json "$tmp/status" \
	'[(x["key"], x["unit"], x["parent"] is not None, x["province"]) for x in d["dossiers"]]')" \
	"[('$dossier', '18538', True, None)]"
check "for people" C status
says "the receipt" '444 holds all of 18538' "$out"
says "the dossiers" 'does not hold yet: 1' "$out"
check "in Vietnamese" env LC_ALL=vi_VN.UTF-8 "$OCOP" --data "$tmp/C" status
says "too" 'hồ sơ cấp tỉnh chưa có: 1' "$out"
C put dossier "$dossier" note="thêm sau" >/dev/null
equal "a part of it, now" "$(status '[r["complete"] for r in d["receipts"]]')" "[False]"
check "commit by commit" C --json log dossier "$dossier"
equal "the first is held above, the second is not" \
	"$(json "$out" '[c["held"]["parent"] is not None for c in d]')" "[True, False]"
check "and for people" C log dossier "$dossier"
says "in words" 'parent 20.*; province -' "$out"
since=$(C --json log dossier "$dossier" >"$out"; json "$out" 'd[0]["held"]["parent"]')

# The province is back: district, then commune.
daemon_start "$tmp/A" "${root_url#http://}"
root_pid=$daemon_pid
check "the commune syncs" C sync
check "the district syncs" D sync
check "the commune syncs again, with nothing to say" C --json sync
equal "in one request" \
	"$(json "$out" 'd["equal"], d["requests"], d["commits_up"], d["commits_down"]')" "(True, 1, 0, 0)"
equal "the province holds it" "$(held "$dossier")" "(True, True, True)"
equal "both receipts are complete" \
	"$(status 'sorted((r["holder_unit"], r["complete"]) for r in d["receipts"])')" "[('42', True), ('444', True)]"
check "the log" C --json log dossier "$dossier"
equal "since then, not since now" "$(json "$out" 'd[0]["held"]["parent"]')" "$since"
check "silence" C sync
check "costs" C --json sync
check "what it did" test "$(json "$out" 'd["bytes_up"] + d["bytes_down"] + d.get("state_bytes", 0)')" -lt 400
equal "and the whole log says nothing of it" "$(C --json log >"$out"; json "$out" '"held" in d[0]')" False

# By itself, while daemons wait.
daemon_start "$tmp/C"
key=$(C put product new name="Bưởi" unit=18538)
row_is_held() { [ "$(held "$key" product)" = "(True, True, True)" ]; }
check "a daemon is told" until_true 20 row_is_held
daemon_stop "$daemon_pid"

# The district and the province see it, each from where it stands.
check "the district's view" D --json get dossier "$dossier"
equal "is above, too" "$(json "$out" 'None in d["held"].values()')" False
check "the province's view" "$OCOP" --data "$tmp/A" --json get dossier "$dossier"
equal "has nobody above" \
	"$(json "$out" 'd["held"]["parent"], d["held"]["province"] == d["held"]["here"]')" "(None, True)"
for node in A D C; do check "verify $node" "$OCOP" --data "$tmp/$node" verify; done
exit $failed
