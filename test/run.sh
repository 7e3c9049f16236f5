#!/bin/sh
# npm test: makes its ground, builds, runs every tier, sums up. `sh test/run.sh TIER …` runs some of
# unit, meta, u0, integration, system, conformance, vm. See test/README.md.
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=src/setup/lib.sh
. "$checkout/src/setup/lib.sh"

tiers=${*:-unit meta u0 integration system conformance vm}
account=warren-test

need_node
# shellcheck disable=SC2086 # a list of names
install_packages $runtime_packages $build_packages $test_packages
case " $tiers " in
  *" conformance "*)
    # shellcheck disable=SC2086 # a list of names
    install_packages $conformance_packages
    ;;
esac
case " $tiers " in
  *' vm '*) install_packages qemu-system-x86 e2fsprogs ;;
esac
build_checkout

# Everything runs as an ordinary user on a copy of the tree that is that user's own: as root a
# throw-away account, otherwise the developer's.
if is_root; then
  sh "$checkout/src/setup/ground.sh" prepare "$account"
  home=$(getent passwd "$account" | cut -d: -f6)
  user=$account
  # What limits.hugepages is tried on: a host keeps no pages for that unless it is asked to.
  pool=/proc/sys/vm/nr_hugepages
  if [ "$(cat $pool)" = 0 ] && echo 8 2>/dev/null >$pool; then
    trap 'echo 0 >$pool' EXIT
  fi
else
  user=$(id -un)
  home=${TMPDIR:-/tmp}/warren-test-$(id -u)
fi
tree=$home/tree
rm -rf "$tree"
mkdir -p "$tree"
(cd "$checkout" && tar -cf - --exclude=./.git --exclude=./node_modules/.vite .) | tar -xf - -C "$tree"
! is_root || chown -R "$account:" "$tree"

as_user() {
  if is_root; then
    (cd "$tree" && sh "$checkout/src/setup/ground.sh" run "$account" "$@")
  else
    (cd "$tree" && "$@")
  fi
}

in_ground() {
  if is_root; then
    (cd "$tree" && sh "$checkout/test/policies.sh" sh "$checkout/src/setup/ground.sh" run "$account" "$@")
  else
    as_user "$@"
  fi
}

# Options with which unshare maps the first range that a user was granted to ids 1…, all of it:
# --map-auto lays it at 0, where root is, and so lacks the one id that makes a whole slice.
map_options() {
  for list in subuid=--map-users subgid=--map-groups; do
    awk -F: -v name="$1" -v uid="$(id -u "$1")" -v option="${list#*=}" \
      '$1 == name || $1 == uid { print option "=" $2 ",1," $3; exit }' "/etc/${list%=*}"
  done
}

# In CI a test may not be skipped for want of something that this kind of machine can do.
[ -z "${CI-}" ] || require='userns overlay crun network tun mirror cgroup lxc pylxd ansible'
! { [ -n "${CI-}" ] && is_root; } || require="$require policies"

# The emulated host's disk takes minutes where it is not in the cache, most of them waiting for packages:
# it is built beside the first tiers, and the last one waits for what is left of that.
disk_log=$home/vm-disk.log
case " $tiers " in
  *' vm '*) as_user sh test/vm/base.sh "$home/images" >"$disk_log" 2>&1 & ;;
esac

failed=0
for tier in $tiers; do
  step "Tests: $tier"
  report=$home/report-$tier.json
  rm -f "$report"
  set -- env "WARREN_TEST_REQUIRE=${require-}" node node_modules/vitest/vitest.mjs run --project "$tier" \
    --reporter default --reporter json --outputFile.json "$report"
  [ "$tier" != u0 ] ||
    # shellcheck disable=SC2046 # two words
    set -- unshare --user --mount --cgroup --map-root-user $(map_options "$user") --propagation slave "$@"
  [ "$tier" != conformance ] || rm -f "$home/conformance.jsonl"
  in_ground "$@" || failed=1
  [ "$tier" != conformance ] ||
    in_ground node test/conformance/coverage.mjs "$home/conformance.jsonl" test/conformance/COVERAGE.md --check ||
    failed=1
done

# shellcheck disable=SC2086 # a list of names
node "$checkout/test/summary.mjs" "$home" $tiers || failed=1
exit $failed
