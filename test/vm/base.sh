#!/bin/sh
# base.sh CACHE: the emulated host's disk as Debian's packages make it, in CACHE/vm-HASH; prints that
# directory. It holds `disk` (raw ext4), `kernel`, `initrd` and `key`, with which root logs in. Built anew
# when this recipe or this host's node has changed. Runs as an ordinary user.
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=src/setup/lib.sh
. "$checkout/src/setup/lib.sh"

cache=$1
node=$(command -v node)
# A server as people have them, with what warren needs to run; quickstart finds it all there.
# shellcheck disable=SC2086 # a list of names
set -- linux-image-cloud-amd64 initramfs-tools systemd-sysv dbus dbus-user-session libpam-systemd \
  openssh-server udev kmod procps iproute2 ca-certificates curl e2fsprogs libstdc++6 $runtime_packages
packages=$(printf '%s,' "$@")

hash=$({ cat "$0" && echo "$packages" && sha256sum <"$node"; } | sha256sum | cut -c 1-12)
base=$cache/vm-$hash
mkdir -p "$cache"
# Whoever comes second waits for what the first one builds.
exec 9>"$cache/vm.lock"
flock 9
if [ -d "$base" ]; then
  echo "$base"
  exit
fi

step "Building the emulated host's disk from Debian's packages (a minute or two)"
part=$(mktemp -d)
trap 'rm -rf "$part"' EXIT
# Root of the namespace in which the packages are unpacked is not us, and writes there.
chmod 0777 "$part"
ssh-keygen -q -t ed25519 -N '' -C test -f "$part/key"

cat >"$part/essential" <<'HOOK'
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/modules"
HOOK
cat >"$part/customize" <<'HOOK'
set -eu
root=$1
printf '%s\n' virtio_pci virtio_blk ext4 >>"$root/etc/initramfs-tools/modules"
chroot "$root" update-initramfs -u
install -m 0755 "$VM_NODE" "$root/usr/local/bin/node"
echo vm >"$root/etc/hostname"
echo 127.0.1.1 vm >>"$root/etc/hosts"
echo nameserver 10.0.2.3 >"$root/etc/resolv.conf"
echo '/dev/vda / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
printf '%s\n' '[Match]' Name=eth0 '[Network]' Address=10.0.2.15/24 Gateway=10.0.2.2 \
  >"$root/etc/systemd/network/eth0.network"
mkdir -p -m 0700 "$root/root/.ssh"
cp "$VM_PART/key.pub" "$root/root/.ssh/authorized_keys"
chroot "$root" systemctl -q enable systemd-networkd
# Nothing of a test needs them, and each takes seconds of an emulated processor: what goes by the clock, consoles
# nobody looks at, root's own user manager, file systems and modules for hardware that is not there.
chroot "$root" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer serial-getty@ttyS0.service getty@tty1.service user@0.service \
  systemd-update-utmp-runlevel.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  systemd-pstore.service modprobe@drm.service modprobe@efi_pstore.service modprobe@dm_mod.service modprobe@loop.service
# The largest part of a boot were udev's rules for each of a hundred terminals and the like.
trigger=$root/etc/systemd/system/systemd-udev-trigger.service.d
mkdir -p "$trigger"
printf '%s\n' '[Service]' ExecStart= "ExecStart=udevadm trigger --type=devices --action=add \
  --subsystem-match=pci --subsystem-match=virtio --subsystem-match=block --subsystem-match=net --subsystem-match=misc" \
  >"$trigger/few.conf"
chroot "$root" apt-get clean
cp "$root"/boot/vmlinuz-* "$VM_PART/kernel"
cp "$root"/boot/initrd.img-* "$VM_PART/initrd"
rm -rf "$root"/boot/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/man \
  "$root"/usr/share/locale
# Without what is mounted in it meanwhile.
mkdir "$VM_PART/tree"
unshare --mount sh -euc '
  mount --bind "$1" "$VM_PART/tree"
  mke2fs -q -t ext4 -L root -d "$VM_PART/tree" -E root_owner=0:0 "$VM_PART/disk" 6G' mke2fs "$root"
HOOK

env VM_NODE="$node" VM_PART="$part" mmdebstrap --mode=unshare --variant=minbase --format=null \
  --include="${packages%,}" --essential-hook='sh "$VM_PART/essential" "$1"' \
  --customize-hook='sh "$VM_PART/customize" "$1"' bookworm /dev/null >&2
rm "$part/essential" "$part/customize"
rmdir "$part/tree"
rm -rf "$cache"/vm-????????????
chmod 0755 "$part"
mv "$part" "$base"
echo "$base"
