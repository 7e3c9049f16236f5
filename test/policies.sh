#!/bin/sh
# policies.sh COMMAND …: COMMAND as root with policies of root's below /etc/warren, for tests to lay over
# it: an ordinary user can make none, which is what they are about. Only COMMAND sees them.
set -eu

[ -e /etc/warren ] || made=/etc/warren
mkdir -p /etc/warren
trap '[ -z "${made-}" ] || rmdir "$made" 2>/dev/null || true' EXIT
# shellcheck disable=SC2016 # for the inner shell
unshare --mount --propagation private sh -euc '
  mount -t tmpfs -o mode=0755 policies /etc/warren
  cp -r "$0"/. /etc/warren/
  chown -R 0:0 /etc/warren
  chmod -R u=rwX,go=rX /etc/warren
  cd /etc/warren
  for name in writable unreadable shared link; do cp -r rules "$name"; done
  chmod 666 writable/policy.yaml
  chmod 600 unreadable/policy.yaml
  chmod 777 shared
  ln -sf nowhere link/policy.yaml
  cd "$OLDPWD"
  exec "$@"' "$(dirname -- "$0")/fixtures/policies" "$@"
