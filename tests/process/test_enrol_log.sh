#!/usr/bin/env bash
# No personal data in a daemon's log: a name and a telephone number go through everything that a daemon does, well and
# badly, and stand in nothing that it wrote to standard error.
. "$(dirname "$0")/common.bash"

name="Trần Thị Zyxwv" phone="0987 654 3210" digits=09876543210
node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }
post() { curl -s -o "$out" -w '%{http_code}' -H 'Content-Type: application/json' --data-binary "$1" "$2"; }
refused() { # NAME COMMAND…: fails, whatever the status
	local what=$1
	shift
	if "$@" >"$out" 2>"$err"; then not_ok "$what" "it was taken"; else ok "$what"; fi
}

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "invite" node A invite --unit 18538 --out "$tmp/C.inv"
check "a node named after a person" node C join "$tmp/C.inv" --name "$name $phone" --parent "$root_url"
daemon_start "$tmp/C"
c_pid=$daemon_pid c_url=$sync_url c_office=$office_url

# ---- what is right
key=$(node C --author "$name" put producer new name="$name" phone="$phone" address="$name" unit=18538)
check "put" test -n "$key"
printf '{"unit":"18538","author":"%s","changes":[{"table":"producer","key":"%s","set":{"phone":"%s"}}]}\n' \
	"$name" "$key" "$digits" >"$tmp/lines"
check "apply" node C apply "$tmp/lines"
printf 'name,producer,unit\n%s,%s,18538\n' "$name" "$name" >"$tmp/good.csv"
check "import" node C import products "$tmp/good.csv"
form='{"author":"'"$name"'","changes":[{"table":"producer","key":"'"$key"'","set":{"phone":"'"$phone"'"}}]}'
equal "a form" "$(post "$form" "$c_office/api/v1/save")" 200
check "list" node C list producer "name=$name"
check "get" node C get producer "$key"
check "log" node C log producer "$key"
check "a search of a page" curl -sf -o "$out" -G --data-urlencode "name=$name" "$c_office/api/v1/producer"
check "sync" node C sync
check "the province holds it" node A get producer "$key"

# ---- a conflict
daemon_stop "$root_pid"
node C put producer "$key" name="$name ở xã" >/dev/null
node A put producer "$key" name="$name ở tỉnh" >/dev/null
daemon_start "$tmp/A" "${root_url#http://}"
root_pid=$daemon_pid
conflict() { node C --json conflicts >"$out" && [ "$(json "$out" 'len(d)')" = 1 ]; }
check "a conflict" until_true 20 conflict
id=$(json "$out" 'd[0]["id"]')
check "shown" node C conflicts show "$id"
check "settled" node C conflicts resolve "$id" --set name="$name"
check "the quarantine is looked at" node C quarantine

# ---- what is wrong
refused "a bad column" node C put producer "$key" "$name=$phone"
refused "a bad table" node C put "$name" new name="$name"
refused "a bad value" node C put product new started_year="$phone" unit=18538
refused "a bad unit" node C put producer new name="$name" unit="$phone"
refused "a bad key" node C get producer "$digits"
printf '{"changes":[{"table":"producer","key":"new","set":{"name":"%s","phone":%s' "$name" "$digits" >"$tmp/lines"
refused "apply of half a line" node C apply "$tmp/lines"
printf 'name,%s\n%s,%s\n' "$name" "$name" "$phone" >"$tmp/bad.csv"
refused "import of a strange column" node C import products "$tmp/bad.csv"
printf 'name,producer,unit\n%s,%s,%s\n' "$name" "$name" "$phone" >"$tmp/bad.csv"
refused "import of a strange unit" node C import products "$tmp/bad.csv"
refused "a strange conflict" node C conflicts resolve "$phone" --set name="$name"
refused "a strange command" node C "$name"
for body in '{"changes":[{"table":"producer","key":"new","set":{"name":"'"$name"'","'"$phone"'":1}}]}' \
	"{\"$name\":\"$phone\"}" "$name $phone"; do
	check "a bad form" test "$(post "$body" "$c_office/api/v1/save")" = 400
done
for url in "$c_office/api/v1/producer/$digits" "$c_office/$digits" "$c_url/sync/v1/$digits" "$c_url/$digits"; do
	check "a strange address" test "$(curl -s -o "$out" -w '%{http_code}' "$url")" -ge 400
done
for path in round wait state join; do
	check "sync/v1/$path with something else" test "$(post "$name $phone" "$c_url/sync/v1/$path")" -ge 400
done
check "a strange header" test "$(curl -s -o "$out" -w '%{http_code}' -H "Origin: http://$digits.example" \
	-H "X-Name: $name" "$c_office/api/v1/status")" = 403
check "a strange host" test "$(curl -s -o "$out" -w '%{http_code}' -H "Host: $digits.example" \
	"$c_office/api/v1/status")" = 403
refused "sync with a strange node" node C sync --peer "http://127.0.0.1:1/$digits"

# ---- an end by force, and the start after it
{
	kill -9 "$c_pid"
	wait "$c_pid"
} 2>/dev/null
daemon_start "$tmp/C"
c_pid=$daemon_pid
check "after a kill" node C put producer "$key" phone="$phone"
check "sent" node C sync
daemon_stop "$c_pid"
daemon_stop "$root_pid"

cat "$tmp/A.log" "$tmp/C.log" >"$tmp/logs"
check "there is a log" test "$(grep -c 'event=' "$tmp/logs")" -ge 5
equal "which is of events only" "$(grep -vE '^ts=[^ ]+ level=[a-z]+ event=[a-z_]+( |$)' "$tmp/logs")" ""
for word in Zyxwv "Trần" "Thị" "987 654" 6543210 "$digits"; do
	equal "no $word in it" "$(grep -c -e "$word" "$tmp/logs")" 0
done
exit $failed
