import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { networkGroup } from '../groups.ts';
import { editCommand, getCommand, setCommand, showCommand, unsetCommand } from '../keyed.ts';
import { parseAssignments } from '../names.ts';
import { plain } from '../render/look.ts';
import { forEachName } from '../together.ts';

import type { Network, NetworkLease, NetworksPost } from '../../contract/api/networks.ts';

export const get = getCommand(networkGroup);
export const set = setCommand(networkGroup);
export const unset = unsetCommand(networkGroup);
export const show = showCommand(networkGroup);
export const edit = editCommand(networkGroup);

const network = { kind: 'required', summary: 'Name of the network', complete: 'network' } as const;

export const list = defineCommand({
  name: 'network list',
  summary: 'Show all networks',
  examples: [{ line: 'warren network list', does: 'and how many machines are on each' }],
  positionals: {},
  options: {},
  next: 'warren network list-leases NAME',
  async run({ client }) {
    return await client.get<Network[]>('/1.0/networks', { recursion: 1 });
  },
  render: (networks) => ({
    table: {
      columns: [
        { title: 'NAME' },
        { title: 'TYPE' },
        { title: 'IPV4' },
        { title: 'NAT' },
        { title: 'DESCRIPTION' },
        { title: 'USED BY', align: 'right' },
      ],
      rows: networks.map(({ name, type, config, description, used_by: users }) => [
        name,
        type,
        config['ipv4.address'] ?? '-',
        config['ipv4.nat'] === 'true' ? 'yes' : 'no',
        description,
        String(users.length),
      ]),
      empty: 'There are no networks.   next: warren network create lab',
    },
  }),
});

export const info = defineCommand({
  name: 'network info',
  summary: 'Addresses, names and machines of a network on one screen',
  examples: [{ line: 'warren network info warrenbr0', does: 'what it gives and who is on it' }],
  positionals: { network },
  options: {},
  next: 'warren network list-leases NAME',
  async run({ client }, { network: name }) {
    const path = apiPath('networks', name);
    const [value, leases] = await Promise.all([
      client.get<Network>(path),
      client.get<NetworkLease[]>(`${path}/leases`),
    ]);
    return { ...value, leases };
  },
  render: ({ name, type, config, leases, description, used_by: users }) => {
    const hosts = leases.filter((lease) => lease.type !== 'gateway');
    const silent = machinesOf(users).filter(
      (machine) => !hosts.some(({ hostname }) => hostname === machine),
    );
    const outside = config['ipv4.nat'] === 'false' ? 'not reachable' : 'through the host';
    const rows: readonly (readonly [string, string])[] = [
      ['address', config['ipv4.address'] ?? '-'],
      ['outside', outside],
      ['names', `NAME.${config['dns.domain'] ?? 'warren'}`],
      [
        'machines',
        [
          ...hosts.map(({ hostname, address }) => `${hostname} ${address}`),
          ...silent.map((machine) => `${machine} (no address)`),
        ].join(', ') || '-',
      ],
    ];
    const about = description === '' ? '' : `   ${plain(description)}`;
    const lines = rows.map(([key, text]) => `  ${key.padEnd(10)} ${plain(text)}`);
    return { text: [`${name}  ${type}${about}`, ...lines].join('\n') };
  },
});

/** Names of the machines among the URLs of users. */
function machinesOf(users: readonly string[]): string[] {
  return users.flatMap((url) => {
    const [, machine] = /^\/1\.0\/instances\/([^/?]+)/.exec(url) ?? [];
    return machine === undefined ? [] : [decodeURIComponent(machine)];
  });
}

export const listLeases = defineCommand({
  name: 'network list-leases',
  summary: 'Show which machine has which address',
  examples: [{ line: 'warren network list-leases warrenbr0', does: 'given and fixed ones' }],
  positionals: { network },
  options: {},
  next: 'warren list',
  async run({ client }, { network: name }) {
    return await client.get<NetworkLease[]>(apiPath('networks', name, 'leases'));
  },
  render: (leases) => ({
    table: {
      columns: [
        { title: 'HOSTNAME' },
        { title: 'ADDRESS' },
        { title: 'HWADDR' },
        { title: 'TYPE' },
      ],
      rows: leases.map(({ hostname, address, hwaddr, type }) => [
        hostname || '-',
        address,
        hwaddr || '-',
        type,
      ]),
      empty: 'Nobody has an address.',
    },
  }),
});

export const create = defineCommand({
  name: 'network create',
  summary: 'Create a bridge for machines',
  examples: [
    { line: 'warren network create lab', does: 'with an address range of its own' },
    { line: 'warren network create quiet ipv4.nat=false', does: 'that leads nowhere outside' },
  ],
  positionals: {
    name: { kind: 'required', summary: 'Name of the new network' },
    assignments: { kind: 'many', label: 'KEY=VALUE', summary: 'Keys and their values' },
  },
  options: {
    description: { kind: 'text', value: 'TEXT', summary: 'What it is for' },
    type: { kind: 'text', alias: 't', hidden: true, choices: ['bridge'], summary: 'Only bridge' },
  },
  next: 'warren launch IMAGE NAME -n NETWORK',
  async run({ client }, { name, assignments, description }) {
    await client.change('POST', apiPath('networks'), {
      name,
      type: '',
      description: description ?? '',
      config: parseAssignments(assignments),
    } satisfies NetworksPost);
    return undefined;
  },
});

export const rename = defineCommand({
  name: 'network rename',
  summary: 'Give a network another name',
  examples: [{ line: 'warren network rename lab course', does: 'while no machine uses it' }],
  positionals: { from: network, to: { kind: 'required', summary: 'The new name' } },
  options: {},
  next: 'warren network list',
  async run({ client }, { from, to }) {
    await client.change('POST', apiPath('networks', from), { name: to });
    return undefined;
  },
});

export const deleteNetwork = defineCommand({
  name: 'network delete',
  summary: 'Delete networks that no machine uses',
  examples: [{ line: 'warren network delete lab', does: 'refused while it is used' }],
  positionals: { networks: { kind: 'some', summary: 'Names of networks', complete: 'network' } },
  options: {},
  next: 'warren network list',
  async run({ client }, { networks }) {
    await forEachName(networks, (name) => client.change('DELETE', apiPath('networks', name)));
    return undefined;
  },
});
