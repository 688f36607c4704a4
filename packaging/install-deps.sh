#!/bin/bash
# packaging/install-deps.sh - the one place where dependencies are named.
#
# usage: packaging/install-deps.sh [build] [test] [browser] [bench-peers]        (default: build)
#
# Installs what is missing from Debian's packages.  When nothing is missing it asks only dpkg and is done at
# once, without network and without root.  "a|b" means: either will do; the first that can be installed is
# taken.
set -eu

build="gcc make pkg-config libuv1-dev libcurl4-openssl-dev libssl-dev libcjson-dev libsodium-dev libzstd-dev
	libsqlite3-dev libutf8proc-dev libqrcodegen-dev libllhttp-dev|node-llhttp zstd sqlite3"
test="$build libcmocka-dev clang libclang-rt-14-dev|libclang-rt-dev python3 curl procps strace openssl faketime"
browser="chromium python3"
bench_peers="fossil nodejs npm"

usage() {
	echo "usage: packaging/install-deps.sh [build] [test] [browser] [bench-peers]" >&2
	exit 2
}

wanted=
[ $# -gt 0 ] || set -- build
for group; do
	case $group in
	build) wanted="$wanted $build" ;;
	test) wanted="$wanted $test" ;;
	browser) wanted="$wanted $browser" ;;
	bench-peers) wanted="$wanted $bench_peers" ;;
	*) usage ;;
	esac
done

if ! command -v dpkg-query >/dev/null; then
	echo "install-deps: this is not Debian; install what corresponds to:" $wanted >&2
	exit 1
fi

# One call for all: "ii package" a line.
installed=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}\n' | sed -n 's/^.i *|//p')

is_installed() {
	case "
$installed
" in *"
$1
"*) return 0 ;; esac
	return 1
}

any_installed() {
	local name
	for name in ${1//|/ }; do
		is_installed "$name" && return 0
	done
	return 1
}

missing=
for entry in $wanted; do
	any_installed "$entry" || missing="$missing $entry"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "install-deps: missing:$missing" >&2
		echo "install-deps: neither root nor sudo; have an administrator install these" >&2
		exit 1
	fi
	as_root=sudo
fi

apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}

can_install() {
	apt-cache policy "$1" | grep -q '^  Candidate: [^(]'
}

echo "install-deps: installing:$missing"
apt update || echo "install-deps: apt-get update failed; trying with the lists at hand" >&2
names=
for entry in $missing; do
	found=
	for name in ${entry//|/ }; do
		if can_install "$name"; then
			found=$name
			break
		fi
	done
	if [ -z "$found" ]; then
		echo "install-deps: no package for $entry in the configured sources" >&2
		exit 1
	fi
	names="$names $found"
done
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $names; then
	echo "install-deps: apt-get could not install:$names" >&2
	exit 1
fi
