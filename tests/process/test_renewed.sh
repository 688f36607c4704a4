#!/usr/bin/env bash
# A new node gets, in one frame, a revocation, the first credential of another machine, and the name under which that
# machine introduced itself after it was restored.
. "$(dirname "$0")/common.bash"

node() { "$OCOP" --data "$tmp/$1" "${@:2}"; }

check "the master" tree_make
[ $failed = 0 ] || exit 1
check "a machine" node_join "$tmp/B" 18133 "$root_url"
check "reconciles" node B sync
node B --json status >"$out"
check "is stolen" node A revoke "$(json "$out" 'd["node"]')" --reason stolen
check "one in its place" node_join "$tmp/D" 18133 "$root_url"
check "reconciles" node D sync
check "a backup" node D backup "$tmp/D.ocop"
rm -r "$tmp/D"
check "is restored" node D restore "$tmp/D.ocop"
check "writes under a new name" node D put product new name=restored unit=18133
check "sends it" node D sync
check "another machine of the office" node_join "$tmp/N" 18133 "$root_url"
exits "gets all of it" 0 node N sync
node N list product >"$out"
says "that change, too" restored "$out"
check "and verifies" node N verify
exit $failed
