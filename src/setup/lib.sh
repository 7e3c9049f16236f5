# Shared by quickstart.sh and test/run.sh; sourced, not run. The caller has set `-eu` and `checkout`.

say() {
  printf '%s\n' "$*" >&2
}

step() {
  printf '\n==> %s\n' "$*" >&2
}

# What is true now, below its step.
now() {
  printf '    %s\n' "$*" >&2
}

# Runs a command that may take minutes. Without a terminal, where nothing moves, a line in a while says that
# it is not stuck; STAGE is a command that prints what is being done, or nothing: with_sign_of_life STAGE COMMAND …
with_sign_of_life() {
  stage=$1
  shift
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
      doing=$("$stage" || true)
      now "still at it after $waited s${doing:+: $doing}"
    done
  ) &
  sign=$!
  status=0
  "$@" || status=$?
  kill "$sign" 2>/dev/null || true
  return "$status"
}

die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'try:   %s\n' "$2" >&2
  exit 1
}

is_root() {
  [ "$(id -u)" = 0 ]
}

# Runs a command as root: as it is, or through sudo, which may ask for a password.
as_root() {
  if is_root; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    die "Cannot run \"$*\" as root: sudo is not installed" "run this once as root"
  fi
}

has_systemd() {
  [ -d /run/systemd/system ]
}

# The Node that package.json asks for, checked before npm can fail in a less readable way.
need_node() {
  command -v node >/dev/null 2>&1 ||
    die 'Cannot start: Node.js is not installed, wanted 20.19 or newer' 'sudo apt install nodejs npm    (Debian 13; elsewhere see nodejs.org)'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "Cannot start: Node.js is $(node --version), wanted 20.19 or newer" 'install a newer Node.js    (Debian 13 has it; elsewhere see nodejs.org)'
}

# What machines need at run time, and what compiles the one native module.
runtime_packages='uidmap crun slirp4netns dnsmasq-base nftables iproute2 mmdebstrap busybox-static lxcfs fuse-overlayfs mount passwd
  debian-archive-keyring zstd xz-utils bzip2 tar openssl ca-certificates util-linux libcap2-bin dbus squashfs-tools openssh-sftp-server'
build_packages='python3 make g++'
# What only tests look with, and the other uplink.
test_packages='attr passt openssh-client sshfs zsh fish'
# The programs made for LXD that the conformance tests drive.
conformance_packages='lxd-client python3-pylxd ansible'

# Installs those of the named Debian packages that are missing, saying which.
install_packages() {
  command -v apt-get >/dev/null 2>&1 ||
    die 'Cannot install what warren needs: this host has no apt-get' "install by hand: $runtime_packages"
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
  done
  if [ -z "$missing" ]; then
    step 'Looking for system packages'
    now "all $# of them are installed already"
    return 0
  fi
  step "Installing system packages:$missing"
  log=$(mktemp)
  # Told only when it fails: dpkg has a page to say about each.
  if as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 &&
    # shellcheck disable=SC2086 # a list of names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y -o Dpkg::Use-Pty=0 \
      --no-install-recommends $missing >>"$log" 2>&1; then
    now "$(echo "$missing" | wc -w) packages were installed; they stay when warren is removed"
    rm "$log"
  else
    tail -n 20 "$log" >&2
    rm "$log"
    die "Cannot install the packages$missing" "sudo apt-get install$missing"
  fi
}

# node_modules as the lock file says, once; and dist/.
build_checkout() {
  (
    cd "$checkout"
    stamp=node_modules/.warren-lock
    if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
      step 'Installing Node.js packages (compiles one native module, a minute or two)'
      # Its warnings are about packages that are only built with.
      with_sign_of_life true npm ci --no-fund --no-audit --loglevel=error >&2
      cp package-lock.json "$stamp"
    else
      step 'Looking for Node.js packages'
      now 'node_modules is as package-lock.json says already'
    fi
    step 'Building'
    npm run --silent build >&2
    now "the programs are in $checkout/dist/bin"
  )
}
