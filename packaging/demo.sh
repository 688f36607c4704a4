#!/usr/bin/env bash
# The program shown on the real province: offices as real daemons on loopback, real units, criteria sets and products.
# Offices work while their links are down, links come back one by one, conflicts are listed and settled, every replica
# ends equal.  Exits 0 only if all of it held.
#
#   NODES=10 (default: province, three districts, six communes) | NODES=all (the whole tree of 2018: 276 nodes)
set -u
cd "$(dirname "$0")/.." || exit 1
OCOP=${OCOP:-$PWD/build/ocop}
NODES=${NODES:-10}
DATA=schema/data
UNITS=$DATA/units-2018.csv
PRODUCTS=$DATA/products-ha-tinh.csv
DIR=$(mktemp -d "${TMPDIR:-/tmp}/ocop-demo.XXXXXX")
BEGAN=$(date +%s)
WRONG=0
declare -A PORT PID PARENT

finish() {
	local code
	for code in "${!PID[@]}"; do kill "${PID[$code]}" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$DIR"
}
trap finish EXIT
trap 'exit 130' INT TERM

step() { printf '\n\033[1m== %s\033[0m  (%ds)\n' "$*" $(($(date +%s) - BEGAN)); }
say() { printf '   %s\n' "$*"; }
wrong() { printf '   WRONG: %s\n' "$*"; WRONG=$((WRONG + 1)); }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
node() { local code=$1; shift; "$OCOP" --data "$DIR/$code" "$@"; }
member() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }

serve() { # CODE PORT
	local code=$1 port=$2 i
	"$OCOP" --data "$DIR/$code" serve --sync "127.0.0.1:$port" --office 127.0.0.1:0 --insecure-loopback \
	    >"$DIR/$code.ready" 2>>"$DIR/$code.log" &
	PID[$code]=$!
	for ((i = 0; i < 200; i++)); do
		if grep -q 'ready office' "$DIR/$code.ready" 2>/dev/null; then
			PORT[$code]=$(sed -n 's|.*ready sync http://127.0.0.1:\([0-9]*\).*|\1|p' "$DIR/$code.ready")
			return 0
		fi
		kill -0 "${PID[$code]}" 2>/dev/null || break
		sleep 0.05
	done
	tail -n 5 "$DIR/$code.log" >&2
	die "the daemon of $code did not start"
}

stop() { # CODE...: the office's daemon stops, so all links to it are down; its people go on working
	local code
	for code in "$@"; do kill "${PID[$code]}" 2>/dev/null; done
	for code in "$@"; do wait "${PID[$code]}" 2>/dev/null; unset "PID[$code]"; done
}

join() { # CODE PARENT
	local code=$1 parent=$2
	PARENT[$code]=$parent
	node "$parent" invite --unit "$code" --out "$DIR/$code.invitation" >/dev/null || die "no invitation for $code"
	node "$code" join "$DIR/$code.invitation" --parent "http://127.0.0.1:${PORT[$parent]}" >/dev/null ||
	    die "$code could not join"
}

rounds() { # CODE...: reconcile each with its parent, until nothing is left to say
	local code
	for code in "$@"; do node "$code" sync >/dev/null || wrong "$code could not reconcile"; done
}

report_round() { # CODE PARENT
	local code=$1 parent=$2 r=$DIR/round
	node "$code" --json sync >"$r" || wrong "$code could not reconcile"
	[ "$(member equal <"$r")" = true ] || wrong "$code and $parent did not end equal"
	[ "$NODES" = all ] && [ "$parent" != 42 ] && return
	say "$code -> $parent   commits up $(member commits_up <"$r"), down $(member commits_down <"$r");" \
	    "bytes up $(member bytes_up <"$r"), down $(member bytes_down <"$r")"
}

# --- which offices -----------------------------------------------------------------------------------------------

if [ "$NODES" = all ]; then
	DISTRICTS=$(awk -F, '$6 == "district" { printf "%s ", $1 }' $UNITS)
	COMMUNES=$(awk -F, '$6 == "commune" { printf "%s ", $1 }' $UNITS)
else
	DISTRICTS="439 442 446"
	COMMUNES="18133 18178 18403 18352 18709 18676"
fi
parent_of() { awk -F, -v c="$1" '$1 == c { print $7; exit }' $UNITS; }
name_of() { awk -F, -v c="$1" '$1 == c { print $4; exit }' $UNITS; }

step "Raising the tree of 2018"
[ -x "$OCOP" ] || die "build first: make"
node 42 init --unit 42 --units $UNITS >/dev/null || die "the province could not be set up"
serve 42 0
say "province 42: root key, $(($(wc -l <$UNITS) - 1)) units; listens on port ${PORT[42]}"
for d in $DISTRICTS; do join "$d" 42; serve "$d" 0; done
say "districts joined: $(echo $DISTRICTS)"
for c in $COMMUNES; do
	join "$c" "$(parent_of "$c")"
	serve "$c" 0
done
say "communes joined: $(echo $COMMUNES | wc -w)   daemons running: ${#PID[@]}"

step "Loading criteria sets at the province, products at their own communes"
node 42 import criteria | sed 's/^/   /' || wrong "criteria"
TAKEN=0 STOCKED=
for c in $COMMUNES; do
	{ head -n 1 $PRODUCTS; awk -F, -v c="$c" 'NR > 1 && $8 == c' $PRODUCTS; } >"$DIR/$c.csv"
	[ "$(wc -l <"$DIR/$c.csv")" -gt 1 ] || continue
	node "$c" import products "$DIR/$c.csv" >/dev/null || wrong "products of $c"
	TAKEN=$((TAKEN + $(wc -l <"$DIR/$c.csv") - 1))
	STOCKED=${STOCKED:+$STOCKED }$c
done
say "$TAKEN rows of products-ha-tinh.csv taken, each at its own commune"
rounds $COMMUNES; rounds $DISTRICTS; rounds $COMMUNES
say "products at the province: $(node 42 --json list product | tr '{' '\n' | grep -c '"table"')"

# --- links down, everybody works -----------------------------------------------------------------------------------

A=${STOCKED%% *}; DA=$(parent_of "$A")
B=${STOCKED##* }; DB=$(parent_of "$B")
KEY=$(node "$A" --json list product | member key)
KEYB=$(node "$B" --json list product | member key)
[ -n "$KEY" ] && [ -n "$KEYB" ] && [ "$DA" != "$DB" ] || die "no products at two communes of two districts"
ORIGINAL=$(node "$A" --json get product "$KEY" | member name)

step "The storm: the links of $DA, $DB and the province are down; all offices go on working"
stop 42 $DISTRICTS
edit() { # NODE COLUMN=VALUE KEY AUTHOR
	node "$1" --author "$4" put product "$3" "$2" >/dev/null || wrong "edit at $1"
}
edit "$A" name="$ORIGINAL (xã sửa)" "$KEY" officer.commune
edit "$DA" name="$ORIGINAL (huyện sửa)" "$KEY" officer.district
edit 42 description='Tỉnh bổ sung mô tả' "$KEY" officer.province
say "product $KEY \"$ORIGINAL\":"
say "  the commune renamed it, the district renamed it otherwise, the province described it - all at once"
for i in 1 2 3; do
	for c in $COMMUNES; do
		edit "$c" name="Sản phẩm mới $i của $c" new officer.commune
	done
done
say "each commune registered 3 new products without a link"
node "$B" --author 'officer.commune' delete product "$KEYB" >/dev/null || wrong "delete at $B"
edit "$DB" description='Huyện bổ sung' "$KEYB" officer.district
say "commune $B deleted product $KEYB while its district described it"
node "$A" sync >/dev/null 2>"$DIR/down.txt"
[ $? -eq 69 ] || wrong "a sync without a link must say so (exit 69)"
say "\"$(head -n 1 "$DIR/down.txt" | cut -c 1-110)\""

# --- links come back one by one -------------------------------------------------------------------------------------

step "The links come back, one by one"
for d in $DISTRICTS; do
	serve "$d" "${PORT[$d]}"
	for c in $COMMUNES; do
		[ "$(parent_of "$c")" = "$d" ] || continue
		report_round "$c" "$d"
	done
done
serve 42 "${PORT[42]}"
for d in $DISTRICTS; do
	report_round "$d" 42
done
rounds $COMMUNES

step "Nothing was overwritten: the conflicts, as every office sees them"
node "$A" conflicts | sed 's/^/   /'
COUNT=$(node "$A" --json conflicts | tr '{' '\n' | grep -c '"siblings"')
[ "$COUNT" -ge 1 ] || wrong "the two names of $KEY are no conflict at $A"
for n in 42 "$DA" "$A"; do
	for v in 'xã sửa' 'huyện sửa'; do
		node "$n" --json conflicts | grep -q "$v" || wrong "$n does not show \"$v\""
	done
done
FIRST=$(node "$A" --json conflicts | member id)
CONFLICTS=$(node 42 --json conflicts | tr '{' '\n' | grep -c '"siblings"')
say "at the province, over all offices: $CONFLICTS"
for n in 42 $DISTRICTS $COMMUNES; do
	printf '%s %s\n' "$n" "$(node "$n" --json conflicts | tr '{' '\n' | grep -c '"siblings"')"
done >"$DIR/conflicted"

step "Settled: commune $A takes its own name, district $DB lets the edit stand"
TAKE=$(node "$A" --json conflicts show "$FIRST" | tr '{' '\n' | grep '"value"' | grep -n 'xã sửa' |
    head -n 1 | cut -d: -f1)
node "$A" --author 'officer.commune' conflicts resolve "$FIRST" --take $((${TAKE:-1} - 1)) >/dev/null ||
    wrong "resolve at $A"
OTHER=$(node "$DB" --json conflicts | member id)
node "$DB" --author 'officer.district' conflicts resolve "$OTHER" --take 0 >/dev/null || wrong "resolve at $DB"
rounds $COMMUNES; rounds $DISTRICTS; rounds $COMMUNES
for n in 42 "$DA" "$A"; do
	[ "$(node "$n" --json get product "$KEY" | member name)" = "$ORIGINAL (xã sửa)" ] ||
	    wrong "$n shows another name"
done
LEFT=$(node 42 --json conflicts | tr '{' '\n' | grep -c '"siblings"')
[ "$LEFT" -eq 0 ] || wrong "$LEFT conflicts are still open at the province"
say "every office shows \"$ORIGINAL (xã sửa)\"; open conflicts at the province: $LEFT"
say "the history keeps both:"
node 42 log product "$KEY" | sed 's/^/   /' | tail -n 8

# --- equal? ---------------------------------------------------------------------------------------------------------

step "Equal, proved by digests"
SAME=0
for c in $COMMUNES; do
	d=$(parent_of "$c")
	mine=$(node "$c" digest --unit "$c"); up=$(node "$d" digest --unit "$c"); top=$(node 42 digest --unit "$c")
	if [ -n "$mine" ] && [ "$mine" = "$up" ] && [ "$mine" = "$top" ]; then
		SAME=$((SAME + 1))
	else
		wrong "digests of $c differ"
	fi
done
for d in $DISTRICTS; do
	mine=$(node "$d" digest --unit "$d"); top=$(node 42 digest --unit "$d")
	if [ -n "$mine" ] && [ "$mine" = "$top" ]; then
		SAME=$((SAME + 1))
	else
		wrong "digests of $d differ"
	fi
done
say "$SAME subtrees equal at every office that holds them"
node 42 verify | sed 's/^/   /' || wrong "verify at the province"

step "In numbers"
printf '   %-8s %8s %8s %8s %11s %10s %10s\n' office saved sent applied conflicted products 'disk (KB)'
[ "$NODES" = all ] && LIST="42 $DISTRICTS" || LIST="42 $DISTRICTS $COMMUNES"
for n in $LIST; do
	node "$n" --json log | tr '{' '\n' | grep '"commit"' >"$DIR/commits"
	all=$(wc -l <"$DIR/commits"); own=$(grep -c "\"unit\": *\"$n\"" "$DIR/commits")
	left=$(node "$n" --json status | tr -d '\n ' | sed -n 's/.*"to_send":{"commits":\([0-9]*\).*/\1/p')
	printf '   %-8s %8s %8s %8s %11s %10s %10s\n' "$n" "$own" "$((own - ${left:-0}))" "$((all - own))" \
	    "$(awk -v n="$n" '$1 == n { print $2 }' "$DIR/conflicted")" \
	    "$(node "$n" --json list product | tr '{' '\n' | grep -c '"table"')" "$(du -sk "$DIR/$n" | cut -f1)"
done
say "conflicts: $CONFLICTS arisen, $((CONFLICTS - LEFT)) settled; commits counted, one a save and scope"
TOOK=$(($(date +%s) - BEGAN))
if [ "$WRONG" -eq 0 ]; then
	printf '\nAll of it held, in %d s with %d offices.\n' "$TOOK" "${#PID[@]}"
	exit 0
fi
printf '\n%d things did not hold.\n' "$WRONG"
exit 1
