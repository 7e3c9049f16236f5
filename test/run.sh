#!/bin/sh
# npm test: makes its ground, builds, runs every tier, sums up. `sh test/run.sh TIER …` runs some of
# unit, meta, u0, integration, system. See test/README.md.
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=src/setup/lib.sh
. "$checkout/src/setup/lib.sh"

tiers=${*:-unit meta u0 integration system}
account=warren-test

need_node
# shellcheck disable=SC2086 # a list of names
install_packages $runtime_packages $build_packages $test_packages
build_checkout

# Everything runs as an ordinary user on a copy of the tree that is that user's own: as root a
# throw-away account, otherwise the developer's.
if is_root; then
  sh "$checkout/src/setup/ground.sh" prepare "$account"
  home=$(getent passwd "$account" | cut -d: -f6)
else
  home=${TMPDIR:-/tmp}/warren-test-$(id -u)
fi
tree=$home/tree
rm -rf "$tree"
mkdir -p "$tree"
(cd "$checkout" && tar -cf - --exclude=./.git --exclude=./node_modules/.vite .) | tar -xf - -C "$tree"
! is_root || chown -R "$account:" "$tree"

in_ground() {
  if is_root; then
    (cd "$tree" && sh "$checkout/src/setup/ground.sh" run "$account" "$@")
  else
    (cd "$tree" && "$@")
  fi
}

# In CI a test may not be skipped for want of something that this kind of machine can do.
[ -z "${CI-}" ] || require='userns overlay crun network tun mirror'

failed=0
for tier in $tiers; do
  step "Tests: $tier"
  report=$home/report-$tier.json
  rm -f "$report"
  set -- env "WARREN_TEST_REQUIRE=${require-}" node node_modules/vitest/vitest.mjs run --project "$tier" \
    --reporter default --reporter json --outputFile.json "$report"
  [ "$tier" != u0 ] ||
    set -- unshare --user --mount --cgroup --map-root-user --map-auto --propagation slave "$@"
  in_ground "$@" || failed=1
done

# shellcheck disable=SC2086 # a list of names
node "$checkout/test/summary.mjs" "$home" $tiers || failed=1
exit $failed
