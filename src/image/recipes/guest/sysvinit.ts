import { textFile, type GuestChanges } from './entries.ts';

export const sysvinitChanges: GuestChanges = {
  removals: [],
  entries: [
    textFile('etc/inittab', [
      '# Console instead of six terminals, and power failure as the request to halt.',
      'id:2:initdefault:',
      'si::sysinit:/etc/init.d/rcS',
      '~~:S:wait:/sbin/sulogin',
      'l0:0:wait:/etc/init.d/rc 0',
      'l1:1:wait:/etc/init.d/rc 1',
      'l2:2:wait:/etc/init.d/rc 2',
      'l3:3:wait:/etc/init.d/rc 3',
      'l4:4:wait:/etc/init.d/rc 4',
      'l5:5:wait:/etc/init.d/rc 5',
      'l6:6:wait:/etc/init.d/rc 6',
      'ca:12345:ctrlaltdel:/sbin/shutdown -t1 -a -r now',
      'p0::powerfail:/sbin/init 0',
      'c0:2345:respawn:/sbin/agetty --noclear --keep-baud console 115200,38400,9600 linux',
    ]),
  ],
};
