#!/bin/sh
# From a fresh checkout to a first machine: `npm run quickstart`. Again is fine; `-- --remove` undoes it,
# `-- --image ALIAS` takes another image. From the unpacked tarball of `npm pack` it compiles nothing.
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=src/setup/lib.sh
. "$checkout/src/setup/lib.sh"

prefix=/opt/warren
link=/usr/local/bin/warren
account=warren
machine=first
image=debian/12

# Whether this lies in the tarball of `npm pack`, which carries its compiled dependencies.
is_packed() {
  [ ! -d "$checkout/src/bin" ]
}

# The program where every user can run it, without a compiler.
install_program() {
  step "Installing warren to $prefix, where every user can run it"
  as_root rm -rf "$prefix.new"
  as_root mkdir -p "$prefix.new"
  if is_packed; then
    as_root cp -R "$checkout/." "$prefix.new"
  else
    pack=$(mktemp -d)
    (cd "$checkout" && npm pack --silent --pack-destination "$pack" >/dev/null)
    as_root tar -xzf "$pack"/warren-*.tgz -C "$prefix.new" --strip-components 1 --no-same-owner
    rm -r "$pack"
  fi
  as_root chmod -R u+rwX,go+rX,go-w "$prefix.new"
  as_root chmod 0755 "$prefix.new/dist/bin/warren.cjs"
  as_root rm -rf "$prefix"
  as_root mv "$prefix.new" "$prefix"
  as_root ln -sfn "$prefix/dist/bin/warren.cjs" "$link"
  now "$link runs it"
}

# An ordinary account for those who start this as root.
make_account() {
  step "Preparing the ordinary user \"$account\", who will own the machines"
  if id "$account" >/dev/null 2>&1; then was='was there already'; else was='was made'; fi
  if has_systemd; then
    id "$account" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$account"
    loginctl enable-linger "$account"
    # Lingering alone starts it in its own time.
    systemctl start "user@$(id -u "$account").service"
    now "systemd keeps its user manager running, which gives machines their cgroups"
  else
    sh "$checkout/src/setup/ground.sh" prepare "$account"
    now "there is no systemd: /dev/net/tun and /dev/fuse are open to all users, $account has a cgroup of its own"
  fi
  now "the user $account $was, with the subordinate ids $(sed -n "s/^$account:\([0-9]*\):\([0-9]*\)$/\1, \2 of them/p" /etc/subuid | head -n 1)"
}

# Runs a command as the user who will own the machines.
as_user() {
  if ! is_root; then
    "$@"
  elif has_systemd; then
    runuser -u "$account" -- env -i "HOME=$(getent passwd "$account" | cut -d: -f6)" "USER=$account" \
      "XDG_RUNTIME_DIR=/run/user/$(id -u "$account")" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 "$@"
  else
    (cd / && sh "$checkout/src/setup/ground.sh" run "$account" "$@")
  fi
}

# Without a terminal warren draws no progress; a line in a while says that it is not stuck.
with_sign_of_life() {
  if [ -t 2 ]; then
    "$@"
    return
  fi
  (
    waited=0
    trap 'kill "$pause"; exit' TERM
    while :; do
      sleep 15 &
      pause=$!
      wait "$pause"
      waited=$((waited + 15))
      now "still at it after $waited s"
    done
  ) &
  sign=$!
  status=0
  "$@" || status=$?
  kill "$sign" 2>/dev/null || true
  return "$status"
}

first_machine() {
  step 'Checking the host'
  as_user "$link" doctor || die 'Cannot run machines on this host' 'mend what is marked above, then run this again'
  if ! as_user "$link" info "$machine" >/dev/null 2>&1; then
    step "Launching a first machine (builds the image $image once: a minute or two, more on a slow mirror)"
    with_sign_of_life as_user "$link" launch "$image" "$machine"
  else
    step "Starting the machine \"$machine\", which is there already"
    as_user "$link" start "$machine" 2>/dev/null || now 'it runs already'
  fi
  step 'Running a command in it'
  as_user "$link" exec "$machine" -- sh -c 'echo "hello from $(hostname): $(. /etc/os-release; echo "$PRETTY_NAME"), init is $(cat /proc/1/comm)"'
  as_user "$link" list
}

farewell() {
  if is_root; then
    printf '\nThe machine belongs to the ordinary user "%s". To go on:\n\n    su - %s\n' "$account" "$account"
  else
    printf '\nTo go on:\n\n'
  fi
  cat <<TEXT
    warren shell $machine              a root shell in the machine
    warren launch debian/12 web    another one
    warren --help

npm run quickstart -- --remove undoes all of this.
TEXT
}

remove() {
  step 'Removing every machine and image'
  if [ ! -x "$link" ]; then
    now "$link is not there, so nothing is asked to"
  elif is_root && ! id "$account" >/dev/null 2>&1; then
    now "there is no user $account who could have any"
  elif with_sign_of_life as_user timeout 300 "$link" daemon stop --purge; then
    now 'they are deleted, and the daemon has stopped'
  else
    # What is left goes with the account.
    now 'the daemon could not be asked to remove its machines'
  fi
  step "Removing the program from $prefix"
  as_root rm -rf "$prefix" "$link"
  now "$prefix and $link are gone"
  if is_root && id "$account" >/dev/null 2>&1; then
    step "Removing the user \"$account\""
    if has_systemd; then
      loginctl disable-linger "$account"
      userdel --remove "$account"
    else
      sh "$checkout/src/setup/ground.sh" remove "$account"
    fi
    now "$account, its home, subordinate ids and cgroup are gone"
  fi
  now 'system packages stay; apt-get remove takes those that nothing else wants'
}

quickstart() {
  need_node
  # shellcheck disable=SC2086 # a list of names
  install_packages $runtime_packages
  if ! is_packed; then
    # shellcheck disable=SC2086 # a list of names
    install_packages $build_packages
    build_checkout
  fi
  install_program
  if is_root; then make_account; fi
  first_machine
  farewell
}

case ${1-} in
  '') quickstart ;;
  --image)
    [ $# -eq 2 ] || die 'which image?' 'npm run quickstart -- --image debian/13'
    image=$2
    quickstart
    ;;
  --remove) remove ;;
  *) die "unknown argument \"$1\"" 'npm run quickstart -- --remove' ;;
esac
