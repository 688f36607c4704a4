#!/usr/bin/env bash
# A link that is cut every 4 KB: the sync still ends, equal, and costs little more than without the cuts.
. "$(dirname "$0")/common.bash"

products=${CUT_PRODUCTS:-1000}
here=$(dirname "$0")

proxy_start() { # NAME CUT-BYTES
	python3 "$here/proxy.py" "${root_url##*:}" "$2" "$tmp/$1.counts" >"$tmp/$1.port" 2>"$tmp/$1.proxy" &
	pids+=("$!")
	until_true 5 test -s "$tmp/$1.port"
	proxy_url=http://127.0.0.1:$(cat "$tmp/$1.port")
}
total() { awk '{print $1 + $2}' "$tmp/$1.counts"; }
cuts() { awk '{print $4}' "$tmp/$1.counts"; }

lines() { # PREFIX: saves of ten products each, hard to compress
	python3 - "$products" "$1" <<'PY'
import json, random, sys
count, prefix = int(sys.argv[1]), sys.argv[2]
random.seed(prefix)
words = "cam bưởi mật ong nước mắm chè hương sơn khê can lộc đức thọ nghi xuân kỳ anh thạch hà vũ quang".split()
for first in range(0, count, 10):
    print(json.dumps({"changes": [{"table": "product", "key": "new", "set": {
        "name": f"{prefix} {n} " + " ".join(random.sample(words, 3)), "unit": "18538",
        "description": "%x " % random.getrandbits(400) + " ".join(random.choices(words, k=10))}}
        for n in range(first, first + 10)]}))
PY
}

check "the master" tree_make
[ $failed = 0 ] || exit 1
lines down >"$tmp/lines"
check "products at the master" "$OCOP" --data "$tmp/A" apply "$tmp/lines"

# Downwards: a node that joins.  First without cuts, to know the price.
proxy_start whole 0
check "a node over a good link" node_join "$tmp/G" 18538 "$proxy_url"
check "its sync ends" "$OCOP" --data "$tmp/G" sync --json
equal "equal" "$(json "$out" 'd["equal"]')" True
whole=$(total whole)
proxy_start down 4096
check "a node over a link cut every 4 KB" node_join "$tmp/C" 18538 "$proxy_url"
for try in 1 2 3 4 5; do
	"$OCOP" --data "$tmp/C" sync --json >"$out" 2>"$err" && break
done
equal "its sync ends equal" "$(json "$out" 'd["equal"]')" True
check "there were cuts ($(cuts down))" test "$(cuts down)" -ge 10
equal "both hold the same" "$(digest "$tmp/C" --unit 18538)" "$(digest "$tmp/A" --unit 18538)"
cut=$(total down)
check "bytes with cuts ($cut) at most 1.3 of those without ($whole)" test $((cut * 10)) -le $((whole * 13))

# Upwards.
lines up >"$tmp/lines"
"$OCOP" --data "$tmp/G" apply "$tmp/lines" >/dev/null
before=$(total whole)
check "up over a good link" "$OCOP" --data "$tmp/G" sync --json
whole_up=$(($(total whole) - before))
check "the other node fetches that" "$OCOP" --data "$tmp/C" sync --peer "$root_url"
lines more >"$tmp/lines"
"$OCOP" --data "$tmp/C" apply "$tmp/lines" >/dev/null
proxy_start up 4096
before=$(total up)
check "up over a link cut every 4 KB" "$OCOP" --data "$tmp/C" sync --peer "$proxy_url" --json
equal "up: equal" "$(json "$out" 'd["equal"]')" True
bytes=$(json "$out" 'd["bytes_up"] + d["bytes_down"]')
wire=$(($(total up) - before))
check "up: there were cuts ($(cuts up))" test "$(cuts up)" -ge 10
check "the command counts at least what went over the wire ($bytes, $wire)" test "$bytes" -ge "$wire"
check "up: bytes ($wire) at most 1.3 of those without cuts ($whole_up)" test $((wire * 10)) -le $((whole_up * 13))
equal "all hold the same" "$(digest "$tmp/C" --unit 18538)" "$(digest "$tmp/A" --unit 18538)"
check "verify the node" "$OCOP" --data "$tmp/C" verify
check "verify the master" "$OCOP" --data "$tmp/A" verify
exit $failed
