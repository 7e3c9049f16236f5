#!/bin/sh
# The ground under an ordinary user on a host without systemd, laid by root:
#
#   ground.sh prepare USER          account, subordinate ids, /dev/net/tun and /dev/fuse, cgroup2 directory
#   ground.sh run USER COMMAND …    COMMAND as USER, in that cgroup, seeing nothing but cgroup v2
#   ground.sh remove USER           undoes prepare, with the account and its home
#
# A host with systemd needs none of this: logind and the user manager give the same.
set -eu

die() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

# Where cgroup2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified on a v1 and v2 hybrid.
cgroup2_root() {
  awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts
}

cgroup_of() {
  root=$(cgroup2_root)
  [ -n "$root" ] || return 1
  printf '%s/warren-%s\n' "$root" "$1"
}

prepare() {
  user=$1
  if ! id "$user" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/bash "$user"
  fi
  for kind in uid gid; do
    if ! grep -q "^$user:" "/etc/sub$kind"; then
      usermod "--add-sub${kind}s" "$(next_range)" "$user"
    fi
  done
  for device in /dev/net/tun /dev/fuse; do
    [ ! -e "$device" ] || chmod 0666 "$device"
  done
  if cgroup=$(cgroup_of "$user"); then
    mkdir -p "$cgroup"
    # Controllers that the v1 hierarchies hold are not offered here and cannot be handed down.
    hand_down "$(cgroup2_root)"
    hand_down "$cgroup"
    delegate "$user" "$cgroup"
  fi
}

# Offers every controller of a cgroup to those below it. No process may live in it but the root's own.
hand_down() {
  for controller in $(cat "$1/cgroup.controllers"); do
    echo "+$controller" >"$1/cgroup.subtree_control" 2>/dev/null || true
  done
}

# Gives a cgroup to a user, as man 7 cgroups has it: the directory, and these of its files.
delegate() {
  chown "$1:" "$2" "$2/cgroup.procs" "$2/cgroup.subtree_control" "$2/cgroup.threads"
}

# The first 65,536 ids above every range that is granted already.
next_range() {
  awk -F: 'BEGIN { top = 100000 } NF >= 3 && $2 + $3 > top { top = $2 + $3 } END { print top "-" top + 65535 }' \
    /etc/subuid /etc/subgid
}

# A user may move processes about below its own directory only when they are in there already: so
# root moves this shell first, into a leaf, and drops its privilege afterwards. The bind mount hides
# the v1 hierarchies, so that everything below sees a host with cgroup v2 alone.
run() {
  user=$1
  shift
  [ $# -gt 0 ] || die 'run wants a command'
  home=$(getent passwd "$user" | cut -d: -f6)
  set -- setpriv --reuid "$user" --regid "$user" --init-groups --reset-env -- \
    env "HOME=$home" "USER=$user" "LOGNAME=$user" "LANG=C.UTF-8" ${WARREN_DIR:+"WARREN_DIR=$WARREN_DIR"} "$@"
  cgroup=$(cgroup_of "$user") || exec "$@"
  for old in "$cgroup"/session-*; do
    [ -e "/proc/${old##*-}" ] || rmdir "$old" 2>/dev/null || true
  done
  mkdir -p "$cgroup/session-$$"
  delegate "$user" "$cgroup/session-$$"
  echo $$ >"$cgroup/session-$$/cgroup.procs"
  export WARREN_GROUND_CGROUP="$cgroup"
  exec unshare --mount --propagation private sh -c '
    mount --bind "$WARREN_GROUND_CGROUP" /sys/fs/cgroup
    exec "$@"' ground "$@"
}

remove() {
  user=$1
  id "$user" >/dev/null 2>&1 || return 0
  if cgroup=$(cgroup_of "$user") && [ -d "$cgroup" ]; then
    echo 1 >"$cgroup/cgroup.kill" 2>/dev/null || true
    sleep 1
    # By itself, for no other program could be told a path as long as a guest makes them.
    find "$cgroup" -depth -type d -delete 2>/dev/null || true
  fi
  userdel --remove "$user" 2>/dev/null
}

[ "$(id -u)" = 0 ] || die 'only root can lay the ground'
[ $# -ge 2 ] || die 'usage: ground.sh prepare|run|remove USER [COMMAND …]'
verb=$1
shift
case $verb in
  prepare | run | remove) "$verb" "$@" ;;
  *) die "unknown verb \"$verb\"" ;;
esac
