import { symlink, textFile, type GuestChanges } from './entries.ts';

/**
 * openrc-init with services of its own kind only: Debian's scripts for sysvinit want others that
 * are not installed.
 */
export const openrcChanges: GuestChanges = {
  // `cgroups` mounts what is mounted already.
  removals: ['cgroups', 'hwclock.sh', 'networking', 'procps'].map(
    (name) => `etc/runlevels/sysinit/${name}`,
  ),
  entries: [
    symlink('sbin/init', 'openrc-init'),
    symlink('etc/init.d/agetty.console', 'agetty'),
    symlink('etc/runlevels/default/agetty.console', '/etc/init.d/agetty.console'),
    textFile(
      'etc/init.d/interfaces',
      [
        '#!/sbin/openrc-run',
        'description="Brings up what /etc/network/interfaces names"',
        'depend() { provide net; }',
        'start() {',
        '  ebegin "Bringing up interfaces"',
        '  mkdir -p /run/network',
        '  ifup -a',
        '  # A machine without a network still boots.',
        '  eend 0',
        '}',
        'stop() {',
        '  ebegin "Taking down interfaces"',
        '  ifdown -a --exclude=lo',
        '  eend 0',
        '}',
      ],
      0o755,
    ),
    symlink('etc/runlevels/boot/interfaces', '/etc/init.d/interfaces'),
    ...Object.entries({ poweroff: '--poweroff', halt: '--halt', reboot: '--reboot' }).map(
      ([name, option]) =>
        textFile(`sbin/${name}`, ['#!/bin/sh', `exec /sbin/openrc-shutdown ${option} now`], 0o755),
    ),
    textFile('etc/rc.conf', [
      '# A machine: no clock, no swap, no file systems of its own to check or mount.',
      'rc_sys="lxc"',
      'rc_cgroup_mode="unified"',
    ]),
  ],
};
