#!/bin/sh
# From a fresh checkout to a first machine: `npm run quickstart`. Again is fine; `-- --remove` undoes it,
# `-- --image ALIAS` takes another image. From the unpacked tarball of `npm pack` it compiles nothing.
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=src/setup/lib.sh
. "$checkout/src/setup/lib.sh"

prefix=/opt/warren
link=/usr/local/bin/warren
# Who will own the machines: whoever calls this, and for root an account made for it.
if is_root; then account=warren; else account=$(id -un); fi
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
    lay_ground
  fi
  now "the user $account $was, with $(sed -n "s/^$account:\([0-9]*\):\([0-9]*\)$/\2 subordinate ids from \1/p" /etc/subuid | head -n 1)"
}

# What a user has from systemd elsewhere.
lay_ground() {
  as_root sh "$checkout/src/setup/ground.sh" prepare "$account"
  now "there is no systemd: /dev/net/tun and /dev/fuse are open to all users, $account has a cgroup of its own"
}

# Runs a command as the user who will own the machines.
as_user() {
  if ! has_systemd; then
    (cd / && as_root sh "$checkout/src/setup/ground.sh" run "$account" "$@")
  elif is_root; then
    runuser -u "$account" -- env -i "HOME=$(getent passwd "$account" | cut -d: -f6)" "USER=$account" \
      "XDG_RUNTIME_DIR=/run/user/$(id -u "$account")" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 "$@"
  else
    "$@"
  fi
}

# What the daemon is about to do, for a sign of life.
stage() {
  as_user "$link" operation list --format csv 2>/dev/null | cut -d , -f 4 | tr -d '"' | sed -n '/./ { p; q; }'
}

first_machine() {
  step 'Checking the host'
  as_user "$link" doctor || die 'Cannot run machines on this host' 'mend what is marked above, then run this again'
  if ! as_user "$link" info "$machine" >/dev/null 2>&1; then
    step "Launching a first machine (builds the image $image once: a minute or two, more on a slow mirror)"
    with_sign_of_life stage as_user "$link" launch "$image" "$machine"
  else
    step "Starting the machine \"$machine\", which is there already"
    # It may have been started by the program that was here before.
    as_user "$link" daemon restart
    if [ "$(as_user "$link" list "^$machine\$" --columns s --format csv)" = running ]; then
      now 'it runs already, and the daemon is the new one'
    else
      as_user "$link" start "$machine"
    fi
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
  printf '    %-30s %s\n' "warren shell $machine" 'a root shell in the machine' \
    'warren launch debian/12 web' 'another one' 'warren --help' 'what else there is'
  printf '\nnpm run quickstart -- --remove undoes all of this.\n'
}

remove() {
  step 'Removing every machine and image'
  if [ ! -x "$link" ]; then
    now "$link is not there, so nothing is asked to"
  elif is_root && ! id "$account" >/dev/null 2>&1; then
    now "there is no user $account who could have any"
  elif with_sign_of_life true as_user timeout 300 "$link" daemon stop --purge; then
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
      # Whose processes run is not deleted: sessions and the user's manager, all of it.
      systemctl stop "user-$(id -u "$account").slice"
      userdel --remove "$account"
    else
      sh "$checkout/src/setup/ground.sh" remove "$account"
      now '/dev/net/tun and /dev/fuse stay open to all users until the host restarts'
    fi
    now "$account, its home, subordinate ids and cgroup are gone"
  fi
  now 'system packages stay; apt-get remove takes those that nothing else wants'
}

quickstart() {
  need_node
  packages=$runtime_packages
  is_packed || packages="$packages $build_packages"
  # shellcheck disable=SC2086 # a list of names
  install_packages $packages
  is_packed || build_checkout
  install_program
  if is_root; then
    make_account
  elif ! has_systemd; then
    step "Preparing your account \"$account\", which will own the machines"
    lay_ground
  fi
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
