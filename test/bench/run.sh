#!/bin/sh
# npm run bench: makes its ground, builds, and times warren beside the peers that this host has.
# See "Benchmark" in test/README.md.
#
#   --rounds N         rounds (5)
#   --only ROW         this row alone (again for more); --only help names them
#   --peers A,B        these peers alone
#   --list N,N         sizes of the database for the list row (1,100,1000)
#   --json FILE        every sample
#   --install-peers    install lxd, lxc and podman first (apt, as root)
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=src/setup/lib.sh
. "$checkout/src/setup/lib.sh"

account=${WARREN_BENCH_ACCOUNT:-warren-test}

need_node
case " $* " in *' --install-peers '*) peers='lxd lxc podman btrfs-progs' ;; *) peers= ;; esac
# shellcheck disable=SC2086 # lists of names
install_packages $runtime_packages $build_packages $peers
build_checkout

# Two directories: one that only whoever runs this may write, one of the account's own.
if is_root; then
  sh "$checkout/src/setup/ground.sh" prepare "$account"
  home=$(getent passwd "$account" | cut -d: -f6)
  state=$(mktemp -d /var/tmp/warren-bench.XXXXXX)
  chmod 0711 "$state"
else
  account=$(id -un)
  home=${TMPDIR:-/tmp}/warren-test-$(id -u)
  mkdir -p "$home"
  state=$(mktemp -d "${TMPDIR:-/tmp}/warren-bench.XXXXXX")
fi
work=$home/bench
lxd_pid=
driver=

# The account's own cgroup2 directory, with a leaf for this run.
cgroup=
if is_root; then
  cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/warren-$account/bench
fi

remove_work() {
  if is_root; then
    rm -rf "$work"
  elif [ -e "$work" ]; then
    unshare --user --map-root-user --map-auto rm -rf "$work"
  fi
}

clean() {
  trap '' INT TERM
  if [ -n "$driver" ]; then
    kill -TERM "$driver" 2>/dev/null || true
    wait "$driver" 2>/dev/null || true
  fi
  [ -z "$cgroup" ] || ! [ -e "$cgroup/cgroup.kill" ] || echo 1 >"$cgroup/cgroup.kill"
  if [ -n "$lxd_pid" ]; then
    LXD_DIR=$state/lxd timeout 60 lxd shutdown --timeout 30 2>/dev/null || kill -9 "$lxd_pid" 2>/dev/null || true
    wait "$lxd_pid" 2>/dev/null || true
    ! ip link show warrenbench0 >/dev/null 2>&1 || ip link delete warrenbench0
    # The firewall table that LXD leaves behind, when nothing is in it.
    [ "$(nft list table inet lxd 2>/dev/null | wc -l)" != 2 ] || nft delete table inet lxd
    awk -v below="$state/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
  fi
  if [ -n "$cgroup" ]; then
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [ -e "$cgroup" ] || break
      sleep 0.3
    done
  fi
  remove_work
  rm -rf "$state"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step 'Copying the program'
remove_work
mkdir -p "$work/program"
(cd "$checkout" && tar -cf - package.json dist profiles node_modules) | tar -xf - -C "$work/program"
! is_root || chown -R "$account:" "$work"
(cd "$checkout" && node_modules/.bin/esbuild test/bench/main.ts --bundle --platform=node --format=esm \
  --log-level=warning --outfile="$state/bench.mjs" &&
  node_modules/.bin/esbuild test/bench/ws-pipe.ts --bundle --platform=node --format=esm \
    --log-level=warning --outfile="$state/ws-pipe.mjs" \
    '--banner:js=import { createRequire } from "node:module"; const require = createRequire(import.meta.url);')

# LXD's daemon is root's and belongs into the host's own view; the others run in the account's.
if is_root && command -v lxd >/dev/null 2>&1; then
  mkdir -m 0711 "$state/lxd"
  LXD_DIR=$state/lxd setsid lxd --logfile "$state/lxd/lxd.log" >"$state/lxd.out" 2>&1 &
  lxd_pid=$!
fi

set -- node "$state/bench.mjs" --account "$account" --home "$home" --work "$work" --state "$state" \
  --lxd-pid "${lxd_pid:-0}" "$@"
if [ -n "$cgroup" ]; then
  mkdir -p "$cgroup"
  chown -R "$account:" "$cgroup"
  # Unlike ground.sh this keeps root, which reads every process's memory and drops its privilege for
  # each command; the cgroup namespace is for podman, which finds its cgroup by path.
  export cgroup account
  set -- sh -c '
    echo $$ >"$cgroup/cgroup.procs"
    exec unshare --mount --cgroup --propagation private sh -c '\''
      mount --bind "$cgroup" /sys/fs/cgroup
      mkdir /sys/fs/cgroup/session
      chown -R "$account:" /sys/fs/cgroup/session
      echo $$ >/sys/fs/cgroup/session/cgroup.procs
      mount --make-rshared /
      exec "$@"'\'' bench "$@"' bench "$@"
fi
# In the background, so that the traps above are heard while it runs.
"$@" &
driver=$!
status=0
wait "$driver" || status=$?
driver=
exit $status
