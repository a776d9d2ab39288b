#!/bin/bash
# Everything that a test can show on this machine, side by side on two cores; ends with the runners' own
# summary lines. Logs are kept in build/check/. The fuzz targets run a fixed number of times from a fixed seed
# here, so that the same tree gives the same result; `make fuzz` is for finding something new.
set -u
cd "$(dirname "$0")/.."
logs=build/check
rm -rf $logs && mkdir -p $logs
started=$(date +%s)
failed=0

# step NAME CMD...: run it, keep its output; say how it ended and how long it took.
step() {
	local name=$1 begin
	shift
	begin=$(date +%s)
	if "$@" >$logs/$name.log 2>&1 </dev/null; then
		echo "check: $name ok ($(($(date +%s) - begin)) s)"
	else
		echo "check: $name FAILED ($(($(date +%s) - begin)) s); the end of $logs/$name.log:"
		tail -60 $logs/$name.log
		return 1
	fi
}

step build make -j2 all || exit 1
step fixtures make fixtures || exit 1

# One lane plays the user, the other takes the code apart.
user_lane() {
	local bad=0
	step kubectl make build/k8s/kubectl || bad=1
	step e2e make e2e || bad=1
	return $bad
}
code_lane() {
	local bad=0
	step layers make layers || bad=1
	step format make fmt-check || bad=1
	step unit make unit || bad=1
	step unit-san make SAN=1 unit || bad=1
	step clang make CC=clang all || bad=1
	step fuzz make fuzz FUZZ_SECONDS=10 FUZZ_RUNS=20000 || bad=1
	return $bad
}
user_lane & user=$!
code_lane & code=$!
wait $user || failed=1
wait $code || failed=1

echo
echo "check: $(($(date +%s) - started)) s"
grep -h -E '^\[  (PASSED|FAILED|SKIPPED) ' $logs/unit.log $logs/unit-san.log 2>/dev/null
grep -h -E '^fuzz .*(clean|FAILED)' $logs/fuzz.log 2>/dev/null
grep -h -E '^SKIP' $logs/*.log 2>/dev/null | sort | uniq -c
grep -h -E '^[=]* ?[0-9]+ (passed|failed).* in ' $logs/e2e.log 2>/dev/null | tail -1
exit $failed
