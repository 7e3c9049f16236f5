import { symlink, textFile, type GuestChanges } from './entries.ts';

const services = 'etc/runit/runsvdir/default';
const terminals = ['tty1', 'tty2', 'tty3', 'tty4', 'tty5', 'tty6', 'ttyS0', 'ttyv0'];

/** runit with one getty, on the console, in place of those on terminals a machine has not. */
export const runitChanges: GuestChanges = {
  removals: terminals.map((terminal) => `${services}/getty-${terminal}`),
  entries: [
    textFile(
      'etc/sv/getty-console/run',
      ['#!/bin/sh', 'exec /sbin/agetty --noclear --keep-baud console 115200,38400,9600 linux'],
      0o755,
    ),
    textFile('etc/sv/getty-console/finish', ['#!/bin/sh', 'sleep 1'], 0o755),
    symlink(`${services}/getty-console`, '/etc/sv/getty-console'),
  ],
};
