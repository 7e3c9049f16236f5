import { existsSync } from 'node:fs';

import { fatal, findProgram, isReadWritable, missing, ok, type Check } from './check.ts';

const packages: Readonly<Record<string, string>> = {
  dnsmasq: 'dnsmasq-base',
  nft: 'nftables',
  ip: 'iproute2',
};

/** The programs that make up the switch, and one that leads out of it. */
export const checkNetwork: Check = () => {
  const lacking = Object.entries(packages).filter(([name]) => findProgram(name) === undefined);
  const uplink = ['slirp4netns', 'pasta'].filter((name) => findProgram(name) !== undefined);
  const install = [
    ...lacking.map(([, name]) => name),
    ...(uplink.length === 0 ? ['slirp4netns'] : []),
  ];
  if (install.length === 0) return ok(`network: ${uplink.join(', ')}`);
  const names = [
    ...lacking.map(([name]) => name),
    ...(uplink.length === 0 ? ['slirp4netns (or pasta)'] : []),
  ];
  return fatal(
    `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not installed`,
    `sudo apt install ${install.join(' ')}`,
  );
};

/** The device that the uplink needs. */
export const checkTun: Check = () => {
  const path = '/dev/net/tun';
  if (isReadWritable(path)) return ok(path);
  if (!existsSync(path)) {
    return missing(`${path} is not there: machines reach nothing outside`, 'sudo modprobe tun');
  }
  return missing(
    `${path} may not be read and written: machines reach nothing outside`,
    `sudo chmod 0666 ${path}`,
  );
};
