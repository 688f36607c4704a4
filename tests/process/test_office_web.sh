#!/bin/bash
# The office listener beside a browser that shows pages of others: the headers that such pages cannot choose decide
# (node/office_guard.c).  What a real browser makes of it: tests/browser.
. "$(dirname "$0")/common.bash"

tree_make
port=${root_office##*:}
status=$root_office/api/v1/status
save=$root_office/api/v1/save
row='{"changes":[{"table":"producer","key":"new","set":{"name":"X","unit":"18538"}}]}'
get() { curl -s -o "$out" -D "$err" -w '%{http_code}' "$@"; }
post() { get -H 'Content-Type: application/json' -d "$row" "$@" "$save"; }
saved() { "$OCOP" --data "$tmp/A" --json list producer >"$tmp/list" && json "$tmp/list" 'len(d)'; }

# O1: whose name it is asked by
for host in "127.0.0.1:$port" "localhost:$port" "LocalHost:$port" "[::1]:$port"; do
	equal "host $host" "$(get -H "Host: $host" "$status")" 200
done
for host in evil.example "evil.example:$port" "127.0.0.1" "127.0.0.1:1" "localhost.:$port" \
	"127.0.0.1.evil.example:$port" "localhost.evil.example:$port" "0.0.0.0:$port" "2130706433:$port" \
	"127.0.0.2:$port"; do
	equal "host $host" "$(get -H "Host: $host" "$status")" 403
done

# O2, O3: whose page asks
equal "own origin" "$(get -H "Origin: http://127.0.0.1:$port" "$status")" 200
for origin in null "http://127.0.0.1:1" "http://localhost:$port" "https://127.0.0.1:$port" "http://evil.example" \
	"http://127.0.0.1:$port.evil.example" "http://127.0.0.1:$port/" "file://"; do
	equal "origin $origin reads nothing" "$(get -H "Origin: $origin" "$status")" 403
	equal "origin $origin changes nothing" "$(post -H "Origin: $origin")" 403
done
for site in same-origin none; do equal "read by $site" "$(get -H "Sec-Fetch-Site: $site" "$status")" 200; done
for site in same-site cross-site nonsense; do
	equal "read by $site" "$(get -H "Sec-Fetch-Site: $site" "$status")" 403
	equal "save by $site" "$(post -H "Sec-Fetch-Site: $site")" 403
	equal "the page as a picture, by $site" "$(get -H "Sec-Fetch-Site: $site" -H 'Sec-Fetch-Mode: no-cors' \
		-H 'Sec-Fetch-Dest: image' "$root_office/")" 403
	equal "the page in a frame, by $site" "$(get -H "Sec-Fetch-Site: $site" -H 'Sec-Fetch-Mode: navigate' \
		-H 'Sec-Fetch-Dest: iframe' "$root_office/")" 403
	equal "the page by a link, by $site" "$(get -H "Sec-Fetch-Site: $site" -H 'Sec-Fetch-Mode: navigate' \
		-H 'Sec-Fetch-Dest: document' "$root_office/")" 200
	equal "data by a link, by $site" "$(get -H "Sec-Fetch-Site: $site" -H 'Sec-Fetch-Mode: navigate' \
		-H 'Sec-Fetch-Dest: document' "$status")" 403
done
equal "a preflight" "$(get -X OPTIONS -H 'Origin: http://evil.example' -H 'Access-Control-Request-Method: POST' \
	-H 'Access-Control-Request-Headers: content-type' "$save")" 403
check "allows nothing" test "$(grep -ci '^access-control' "$err")" = 0

# O4: what changes something
for type in text/plain application/x-www-form-urlencoded multipart/form-data 'text/plain; application/json' \
	application/jsonx; do
	equal "save as $type" "$(get -H "Content-Type: $type" -d "$row" "$save")" 415
done
equal "nothing was saved" "$(saved)" 0
equal "save by a browser without the cookie" "$(post -H "Origin: http://127.0.0.1:$port")" 403
equal "or with a wrong one" "$(post -H "Sec-Fetch-Site: same-origin" \
	-H "Cookie: ocop-$port=00000000000000000000000000000000")" 403
equal "nothing was saved" "$(saved)" 0
equal "the page" "$(get "$root_office/")" 200
cookie=$(sed -n 's/^Set-Cookie: \([^;]*\);.*/\1/p' "$err" | tr -d '\r')
says "its cookie is for this page alone" '^Set-Cookie: ocop-[0-9]+=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Strict' \
	"$err"
equal "save by the page" "$(post -H "Origin: http://127.0.0.1:$port" -H 'Sec-Fetch-Site: same-origin' \
	-H "Cookie: other=1; $cookie")" 200
equal "save by another page that got the cookie sent along" "$(post -H "Origin: http://127.0.0.1:1" \
	-H 'Sec-Fetch-Site: same-site' -H "Cookie: $cookie")" 403
equal "save by a program" "$(post)" 200
equal "two were saved" "$(saved)" 2

# O5: what an answer says, whichever it is
for path in / /healthz /metrics /api/v1/status /api/v1/nothing/is/here/at /nowhere; do
	get "$root_office$path" >/dev/null
	for line in 'X-Content-Type-Options: nosniff' 'X-Frame-Options: DENY' \
		'Cross-Origin-Resource-Policy: same-origin' 'Referrer-Policy: no-referrer' \
		"Content-Security-Policy: default-src 'self'.*frame-ancestors 'none'" \
		'Cache-Control: no-store'; do
		says "$path: ${line%%:*}" "^$line" "$err"
	done
done
check "no answer allowed another origin anything" test "$(grep -ci '^access-control' "$err")" = 0
says "refusals are in the log, without what was asked" 'event=office_refused status=403 by=[A-Za-z-]+$' "$tmp/A.log"
check "few of them" test "$(grep -c office_refused "$tmp/A.log")" -le 40
daemon_stop "$root_pid"
exit $failed
