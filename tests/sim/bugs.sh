#!/bin/sh
# tests/sim/bugs.sh - every seeded bug must be caught by the simulator.
#
# usage: tests/sim/bugs.sh NAME...	(make bugs)
#
# A bug that no world of the simulator can show is caught by the unit test named below instead.
# Each program build/gcc-bug-NAME/sim was built with -DBUG_NAME.  Prints `caught NAME (Pn) seed k` or `SURVIVED NAME`;
# exit status 1 when one survived.  SEEDS: how many worlds a bug has to show itself in.
set -u
cd "$(dirname "$0")/../.." || exit 2
SEEDS=${SEEDS:-300}
survived=0
caught=0

for name in "$@"; do
	sim=build/gcc-bug-$name/sim
	if [ ! -x "$sim" ]; then
		echo "SURVIVED $name: $sim is missing"
		survived=$((survived + 1))
		continue
	fi
	world=
	case $name in
	P7_IGNORE_REVOCATION | P15_BRANCH_FORGOTTEN)	# only hostile provinces have thieves and copies
		world=--hostile
		;;
	P6_ANY_SEAL)
		if "build/gcc-bug-$name/tests/unit/test_apply" >/dev/null 2>&1; then
			echo "SURVIVED $name"
			survived=$((survived + 1))
		else
			echo "caught $name (P6) by test_apply"
			caught=$((caught + 1))
		fi
		continue
		;;
	esac
	# A bug that shows itself by never ending is caught, too.
	out=$(timeout 300 "$sim" $world --seeds "$SEEDS" --any-cover 2>&1)
	status=$?
	line=$(printf '%s\n' "$out" | grep '^seed ' | head -n 1)
	if [ $status -eq 0 ]; then
		echo "SURVIVED $name"
		survived=$((survived + 1))
		continue
	fi
	seed=$(printf '%s\n' "$line" | sed -n 's/^seed \([0-9]*\):.*/\1/p')
	why=$(printf '%s\n' "$line" | sed -n 's/^seed [0-9]*: \([A-Za-z0-9]*\)[: ].*/\1/p')
	[ $status -eq 124 ] && why=endless
	echo "caught $name (${why:-?}) seed ${seed:-?}"
	caught=$((caught + 1))
done
echo "bugs: $caught passed, $survived failed"
[ $survived -eq 0 ]
