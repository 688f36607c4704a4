#!/usr/bin/env bash
# Killed at any of its writes, a command of enrolment can be run again and then ends well; there is never half a node.
. "$(dirname "$0")/common.bash"

calls=openat,write,pwrite64,fsync,fdatasync,rename,unlink,mkdir,ftruncate
samples=${ENROL_KILLS:-40}
node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
strace -o /dev/null true 2>/dev/null || {
	echo "ok no strace here"
	exit 0
}

# Runs COMMAND with a kill before its Nth such call, for samples of N over all of them; after each, CHECK N must hold.
kills() { # NAME BEFORE CHECK COMMAND…
	local name=$1 before=$2 after=$3 count step n killed=0 bad=0
	shift 3
	$before
	strace -f -o "$tmp/calls" -e trace="$calls" "$@" >"$out" 2>"$err" || {
		not_ok "$name" "does not run: $(tail -n 2 "$err")"
		return
	}
	count=$(grep -c '(' "$tmp/calls")
	step=$((count / samples + 1))
	for ((n = 1; n <= count; n += step)); do
		$before
		strace -f -o /dev/null -e trace="$calls" -e inject="$calls:signal=KILL:when=$n" "$@" >"$out" 2>"$err" &
		{ wait $!; } 2>/dev/null
		[ $? = 137 ] && killed=$((killed + 1))
		if ! $after "$@" >"$out" 2>"$err"; then
			bad=$((bad + 1))
			echo "# $name: killed before call $n of $count: $(tail -n 2 "$err" | tr '\n' ' ')"
		fi
	done
	equal "$name ($killed kills over $count calls)" "$bad" 0
	check "$name: most of them hit" test $((2 * killed)) -ge $((count / step))
}

# ---- init
init_before() { rm -rf "$tmp/I" "$tmp/I.key"; }
init_after() { # what the first run left is a whole node, or nothing that is in the way of a second one
	if [ -e "$tmp/I/ocop.db" ]; then
		node I digest && test "$(stat -c %s "$tmp/I.key")" = 32
	else
		rm -f "$tmp/I.key"	# as its message says
		"$@" && node I digest
	fi
}
kills "init" init_before init_after "$OCOP" --data "$tmp/I" init --unit 42 --units "$data/units-2018.csv" \
	--root-key "$tmp/I.key"
"$OCOP" --data "$tmp/I" init --unit 42 --units "$data/units-2018.csv" --root-key "$tmp/I.key" >/dev/null 2>&1

check "the master" tree_make
daemon_stop "$root_pid"
[ $failed = 0 ] || exit 1
node A invite --unit 18538 --out "$tmp/C.inv" >/dev/null

# ---- join --request
request_before() { rm -rf "$tmp/C" "$tmp/C.req"; }
request_after() {
	local first
	first=$(cat "$tmp/C.req" 2>/dev/null)
	"$@" && ! node C status && [ -z "$first" -o "$first" = "$(cat "$tmp/C.req")" ]
}
kills "join --request" request_before request_after "$OCOP" --data "$tmp/C" join "$tmp/C.inv" --request "$tmp/C.req"

# ---- admit: the master as it was each time
cp -r "$tmp/A" "$tmp/A.before"
admit_before() {
	rm -rf "$tmp/A" "$tmp/C.ans"
	cp -r "$tmp/A.before" "$tmp/A"
}
admit_after() {
	local first nodes
	first=$(cat "$tmp/C.ans" 2>/dev/null)
	"$@" && [ -z "$first" -o "$first" = "$(cat "$tmp/C.ans")" ] || return
	nodes=$(node A --json peers | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')
	[ "$nodes" = 2 ]
}
kills "admit" admit_before admit_after "$OCOP" --data "$tmp/A" admit "$tmp/C.req" --out "$tmp/C.ans"

# ---- join --credential
cp -r "$tmp/C" "$tmp/C.before"
credential_before() {
	rm -rf "$tmp/C"
	cp -r "$tmp/C.before" "$tmp/C"
}
credential_after() { # a second run ends well, or says that the first did
	"$@" || grep -q "holds a node already" "$err" || return
	node C digest && [ ! -e "$tmp/C/joining" ] && ! ls "$tmp/C" | grep -E 'new|tmp'
}
kills "join --credential" credential_before credential_after "$OCOP" --data "$tmp/C" join --credential "$tmp/C.ans"

# ---- join by a link, the joiner killed: the parent answers the same again
daemon_start "$tmp/A"
link_before() { rm -rf "$tmp/C"; }
link_after() {
	"$@" || grep -q "holds a node already" "$err" || return
	node C sync && node C get unit 18538@2017-10-15
}
node A invite --unit 18538 --out "$tmp/K.inv" >/dev/null
link_once() { # each time another invitation: it is good once
	link_before
	node A invite --unit 18538 --out "$tmp/K.inv" >/dev/null
}
samples=$((samples / 2))
kills "join by a link" link_once link_after "$OCOP" --data "$tmp/C" join "$tmp/K.inv" --parent "$sync_url"
daemon_stop "$daemon_pid"
exit $failed
