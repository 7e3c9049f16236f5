import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';

import { claimLink, deleteLink, isolateLink, vethLink, type Link } from './rtnetlink.ts';
import type { Switch } from './switch.ts';
import type { NicSpec } from './types.ts';

/** What a port's alias says: whose it is, and at which device. */
export interface PortOwner {
  readonly instance: string;
  readonly device: string;
}

const prefix = 'veth';

/**
 * The switch's end of a device's pair: always the same, and short enough for a name of an
 * interface.
 */
export function portName({ instance, device }: PortOwner): string {
  const hash = createHash('sha256').update(`${instance}/${device}`).digest('hex');
  return `${prefix}${hash.slice(0, 11)}`;
}

/**
 * Whose port an interface of the switch is; undefined for bridges and the uplink. Empty names: the
 * daemon died between making the pair and naming it.
 */
export function portOwner(link: Link): PortOwner | undefined {
  if (!new RegExp(`^${prefix}[0-9a-f]{11}$`).test(link.name)) return undefined;
  const [instance = '', device = ''] = link.alias.split('/');
  return { instance, device };
}

/**
 * Makes the pair: the peer in the machine's network namespace under its name there, the other end
 * on the bridge and up. A pair of the same name that has outlived its machine is replaced.
 */
export function attachPort(net: Switch, initPid: number, nic: NicSpec): { hostName: string } {
  const links = net.links();
  const bridge = links.find((link) => link.name === nic.bridge);
  if (bridge === undefined) {
    throw new WarrenError('not_found', { kind: 'network', name: nic.bridge });
  }
  const what = `attach ${nic.instance} to ${nic.bridge}`;
  const name = portName(nic);
  const netnsFd = openNetnsOf(initPid, nic.instance);
  try {
    const request = vethLink({
      name,
      bridgeIndex: bridge.index,
      mtu: nic.mtu ?? bridge.mtu,
      peer: { name: nic.name, hwaddr: nic.hwaddr, netnsFd },
    });
    if (links.some((link) => link.name === name)) removePort(net, name);
    try {
      net.request(what, request);
    } catch (error) {
      // The switch's own name is free: it is the one inside that is taken.
      if (!hasErrno(error, 'EEXIST')) throw error;
      throw new WarrenError('exists', {
        kind: 'interface',
        name: nic.name,
        owner: nic.instance,
      });
    }
  } finally {
    closeSync(netnsFd);
  }
  try {
    const port = nic.isolated === true ? net.findLink(name) : undefined;
    if (port !== undefined) net.request(what, isolateLink(port.index));
    net.request(what, claimLink(name, `${nic.instance}/${nic.device}`));
  } catch (error) {
    removePort(net, name);
    throw error;
  }
  return { hostName: name };
}

function openNetnsOf(initPid: number, instance: string): number {
  try {
    return openSync(`/proc/${initPid}/ns/net`, 'r');
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ESRCH')) throw error;
    throw new WarrenError('wrong_state', {
      name: instance,
      action: 'attach a network to',
      state: 'stopped',
      wanted: 'running',
    });
  }
}

/** A port that is not there is fine. */
export function removePort(net: Switch, name: string): void {
  try {
    net.request(`remove ${name}`, deleteLink(name));
  } catch (error) {
    if (!hasErrno(error, 'ENODEV')) throw error;
  }
}
