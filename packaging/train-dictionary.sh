#!/bin/bash
# packaging/train-dictionary.sh - makes sync/dictionary.c from the commits of a real replica.
#
# usage: packaging/train-dictionary.sh REPLICA.db [BYTES]        (default: 8192; 0 makes the empty dictionary)
#
# The dictionary is part of the format of transfers: nodes with different ones do not understand each other.
# So this is run between releases that change the format, never for a running province.
set -eu

[ $# -ge 1 ] && [ -r "$1" ] || { echo "usage: packaging/train-dictionary.sh REPLICA.db [BYTES]" >&2; exit 2; }
bytes=${2:-8192}
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/commits"
if [ "$bytes" -gt 0 ]; then
	sqlite3 -readonly "$1" "SELECT sum(writefile('$dir/commits/' || v, body)) FROM sync_log" >"$dir/size"
	find "$dir/commits" -type f | sort >"$dir/list"
	zstd -q --train --filelist "$dir/list" --maxdict="$bytes" -o "$dir/dictionary"
	echo "train-dictionary: $(wc -l <"$dir/list") commits of $(cat "$dir/size") bytes" >&2
else
	: >"$dir/dictionary"
fi

{
	echo '/* Made by packaging/train-dictionary.sh; not by hand. */'
	echo '#include "dictionary.h"'
	echo
	if [ -s "$dir/dictionary" ]; then
		echo 'static const uint8_t DICTIONARY[] = {'
		od -An -v -tu1 -w24 "$dir/dictionary" |
			sed -E 's/^ +//; s/ +/,/g; s/$/,/; s/^/\t/'
		echo '};'
		echo
	fi
	echo 'struct span'
	echo 'dictionary_bytes(void)'
	echo '{'
	if [ -s "$dir/dictionary" ]; then
		echo '	return span_of(DICTIONARY, sizeof(DICTIONARY));'
	else
		echo '	return span_of(NULL, 0);'
	fi
	echo '}'
} >"$dir/dictionary.c"
cp "$dir/dictionary.c" "$root/sync/dictionary.c"
echo "train-dictionary: sync/dictionary.c holds $(wc -c <"$dir/dictionary") bytes" >&2
