import { textFile, type GuestChanges } from './entries.ts';

/** eth0 by DHCP with ifupdown, for every init but systemd. */
export const interfacesChanges: GuestChanges = {
  removals: [],
  entries: [
    textFile('etc/network/interfaces', [
      'auto lo',
      'iface lo inet loopback',
      '',
      'auto eth0',
      'iface eth0 inet dhcp',
    ]),
    // Until DHCP answers; the client writes it anew.
    textFile('etc/resolv.conf', []),
  ],
};
