import { symlink, textFile, type GuestChanges } from './entries.ts';

export const openrcChanges: GuestChanges = {
  removals: [],
  entries: [
    symlink('sbin/init', 'openrc-init'),
    symlink('etc/init.d/agetty.console', 'agetty'),
    symlink('etc/runlevels/default/agetty.console', '/etc/init.d/agetty.console'),
    textFile('etc/rc.conf', [
      '# A machine: no clock, no swap, no file systems of its own to check or mount.',
      'rc_sys="lxc"',
      'rc_cgroup_mode="unified"',
    ]),
  ],
};
