#!/usr/bin/env bash
# Every command of one node, without and with a daemon.
. "$(dirname "$0")/common.bash"

o() { "$OCOP" --data "$tmp/A" "$@"; }
new_producer='{"table":"producer","key":"new","set":{"name":"P","unit":"18538"}}'
new_product='{"table":"product","key":"new","set":{"name":"Q","unit":"18538","started_year":2001}}'

round() { # NAME WORD: the same commands, whoever runs them; WORD makes the product's name unique
	local key producer
	check "$1: put new" o --json put product new name="Nước mắm $2 Lạch" unit=18403 --author "Nguyễn Văn A"
	key=$(json "$out" 'd["key"]')
	check "$1: commit named" test "$(json "$out" 'len(d["commit"])')" = 33
	check "$1: put changes" o put product "$key" status=active description="ngon"
	check "$1: get" o --json get product "$key"
	equal "$1: get shows what was put" "$(json "$out" 'd["set"]["name"]+"|"+d["set"]["status"]+"|"+d["unit"]')" \
		"Nước mắm $2 Lạch|active|18403"
	check "$1: put null" o put product "$key" status=null
	o --json get product "$key" >"$out"
	equal "$1: null clears" "$(json "$out" 'd["set"]["status"]')" None
	printf 'mô tả dài\nhai dòng' >"$tmp/value"
	check "$1: value from a file" o put product "$key" "description=@$tmp/value"
	o --json get product "$key" >"$out"
	equal "$1: the file's text" "$(json "$out" 'd["set"]["description"]')" "$(cat "$tmp/value")"
	check "$1: a producer" o put producer new name="HTX Thiên Phú" unit=18403 type=HTX
	producer=$(cat "$out")
	check "$1: a reference" o put product "$key" producer="$producer"
	o --json list product name="nuoc mam $2 lach" >"$out"
	equal "$1: list by words without marks" "$(json "$out" 'd[0]["key"]')" "$key"
	o --json list product name="nuoc mam $2 lac" >"$out"
	equal "$1: no half words" "$(json "$out" 'len(d)')" 0
	o --json list product producer="$producer" >"$out"
	equal "$1: list by reference" "$(json "$out" 'len(d)')" 1
	o --json list product name=="nước mắm $2 lạch" >"$out"
	equal "$1: exact is exact" "$(json "$out" 'len(d)')" 0
	o --json list product unit=18403 >"$out"
	check "$1: list by unit" test "$(json "$out" 'len(d)')" -ge 1
	o --json log product "$key" >"$out"
	equal "$1: log of the row" "$(json "$out" 'd[0]["author"]')" "Nguyễn Văn A"
	equal "$1: log has from and to" \
		"$(json "$out" 'any(c["from"]=="active" and c["to"] is None for e in d for c in e["changes"])')" True
	cat >"$tmp/lines" <<-LINES
		{"unit":"18538","author":"B","changes":[$new_producer,$new_product]}
		{"changes":[{"table":"product","key":"$key","set":{"spec":"chai"}}]}
	LINES
	check "$1: apply" o apply "$tmp/lines"
	equal "$1: apply prints a line for a line" "$(wc -l <"$out") $(head -n 1 "$out" | wc -w)" "2 2"
	check "$1: apply from standard input" o apply - <"$tmp/lines"
	check "$1: delete" o delete product "$key"
	exits "$1: a deleted row is gone" 65 o get product "$key"
	check "$1: status" o --json status
	equal "$1: status names the unit" "$(json "$out" 'd["unit"].split("@")[0]')" 42
	check "$1: digest" o digest
	equal "$1: digest is 64 hex digits" "$(grep -cE '^[0-9a-f]{64}$' "$out")" 1
	check "$1: dump" o dump
	equal "$1: dump is sorted by table" "$(cut -d'"' -f4 "$out" | uniq | LC_ALL=C sort -c && echo yes)" yes
	check "$1: dump --unit" o dump --unit 18538
	check "$1: conflicts" o --json conflicts
	check "$1: quarantine" o --json quarantine
	check "$1: peers" o --json peers
	check "$1: verify" o verify
	check "$1: export" o export product "$tmp/export.csv"
	check "$1: the export has rows" test "$(wc -l <"$tmp/export.csv")" -ge 2
	check "$1: help" o help put
}

check "init" "$OCOP" --data "$tmp/A" init --unit 42 --units "$data/units-2018.csv"
[ $failed = 0 ] || exit 1
equal "keys are private" "$(cd "$tmp/A" && stat -c %a node.key root.key ocop.db | tr '\n' ' ')" "600 600 600 "
equal "nothing half made is left" "$(ls -d "$tmp"/A.new 2>/dev/null)" ""
exits "init refuses a node's directory" 73 "$OCOP" --data "$tmp/A" init --unit 42 --units "$data/units-2018.csv"
round "alone" Đỏ

check "import of the province's products" o --json import products "$data/products-ha-tinh.csv"
o --json list product >"$tmp/products"
before=$(json "$tmp/products" 'len(d)')
check "products came" test "$before" -ge 130
check "import again" o import products "$data/products-ha-tinh.csv"
o --json list product >"$tmp/products"
equal "import again adds nothing" "$(json "$tmp/products" 'len(d)')" "$before"
o --json list product name=="Cam Khe Mây" >"$out"
equal "addressed to the commune of its time" "$(json "$out" 'd[0]["unit"]')" 18538
o --json list producer type=HKD >"$out"
check "Hộ KD became HKD" test "$(json "$out" 'len(d)')" -ge 5
check "import of the criteria that come with the program" o import criteria
o --json list criteria_set >"$out"
check "criteria sets came" test "$(json "$out" 'len(d)')" -ge 50
check "import of the units of 2025" o import units "$data/units-2025-07.csv"
o --json get unit 18100 >"$out"
equal "a code means its newest unit" "$(json "$out" 'd["key"]')" "18100@2025-07-01"
o --json get unit 18100@2019-06-30 >"$out"
equal "code@day means the one of that day" "$(json "$out" 'd["set"]["name"]')" "Thạch Hạ"
check "export for people" o export products "$tmp/products.csv"
check "and back" o import products "$tmp/products.csv"
o --json list product >"$tmp/products"
equal "back adds nothing" "$(json "$tmp/products" 'len(d)')" "$before"
check "verify after imports" o verify

daemon_start "$tmp/A"
round "with a daemon" Vàng
daemon_stop "$daemon_pid"
equal "the daemon ended well" "$(tail -n 1 "$tmp/A.log" | grep -c 'status=0')" 1
check "alone again" o put producer new name=Z unit=18403
exit $failed
