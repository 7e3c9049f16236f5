import { symlink, textFile, type GuestChanges } from './entries.ts';

export const runitChanges: GuestChanges = {
  removals: [],
  entries: [
    textFile(
      'etc/sv/getty-console/run',
      ['#!/bin/sh', 'exec /sbin/agetty --noclear --keep-baud console 115200,38400,9600 linux'],
      0o755,
    ),
    textFile('etc/sv/getty-console/finish', ['#!/bin/sh', 'sleep 1'], 0o755),
    symlink('etc/runit/runsvdir/default/getty-console', '/etc/sv/getty-console'),
  ],
};
