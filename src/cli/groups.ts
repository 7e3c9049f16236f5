import type { DeviceGroup } from './devices.ts';
import type { KeyedGroup } from './keyed.ts';

export const configGroup = {
  group: 'config',
  noun: 'instance',
  a: 'a machine',
  collection: 'instances',
  complete: 'instance',
  writable: ['architecture', 'config', 'devices', 'ephemeral', 'profiles', 'description'],
  example: { name: 'web', key: 'limits.memory', value: '1GiB' },
} as const satisfies KeyedGroup;

export const profileGroup = {
  group: 'profile',
  noun: 'profile',
  a: 'a profile',
  collection: 'profiles',
  complete: 'profile',
  writable: ['description', 'config', 'devices'],
  example: { name: 'lab', key: 'limits.memory', value: '512MiB' },
} as const satisfies KeyedGroup;

export const networkGroup = {
  group: 'network',
  noun: 'network',
  a: 'a network',
  collection: 'networks',
  complete: 'network',
  writable: ['description', 'config'],
  example: { name: 'warrenbr0', key: 'dns.domain', value: 'lab' },
} as const satisfies KeyedGroup;

export const projectGroup = {
  group: 'project',
  noun: 'project',
  a: 'a project',
  collection: 'projects',
  complete: 'project',
  writable: ['description', 'config'],
  example: { name: 'lab', key: 'limits.instances', value: '10' },
} as const satisfies KeyedGroup;

export const storageGroup = {
  group: 'storage',
  noun: 'pool',
  a: 'a storage pool',
  collection: 'storage-pools',
  complete: 'storage',
  writable: ['description', 'config'],
  example: { name: 'default', key: 'user.note', value: 'fast' },
} as const satisfies KeyedGroup;

export const configDevices = {
  keyed: configGroup,
  name: 'config device',
} as const satisfies DeviceGroup;
export const profileDevices = {
  keyed: profileGroup,
  name: 'profile device',
} as const satisfies DeviceGroup;
