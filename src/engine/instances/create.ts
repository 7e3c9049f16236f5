import { randomUUID } from 'node:crypto';

import { Revert } from '../../base/revert.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import { ownNameOf } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { LayerId } from '../../storage/types.ts';
import { getImageForSource } from '../images/ensure.ts';
import type { RemoteImage } from '../images/remote.ts';
import { chainFor, removeUnusedLayers } from '../layers.ts';
import { missingHwaddrs } from '../networks/nics.ts';
import { checkImagePolicy, checkUseOfImage } from '../policy/policy.ts';
import { readSliceWish } from '../slice-plan.ts';
import { allocateSlice } from '../slices.ts';
import type {
  EngineDeps,
  ImageRecord,
  InstanceRecord,
  MetadataRecord,
  WorkContext,
} from '../types.ts';
import { copySnapshots, planCopy, type MadeInstance } from './copy.ts';
import { dropEmptyKeys } from './devices.ts';
import { checkSources } from './disks.ts';
import { refuseLargeCopy } from './disk-use.ts';
import type { IdentityTrigger } from './identity.ts';
import { expandInstance, getInstance } from './list.ts';
import { noteFixedAddresses } from '../networks/held-addresses.ts';
import { checkInstanceName } from './names.ts';
import { ownerOf } from './owner.ts';
import { checkInstance, refuseHeldAddresses } from './validate.ts';
import { imagesFor, profilesFor, sameProfilesFor } from '../projects/features.ts';

export type CreateSource =
  /** `alias`: local alias, then fingerprint prefix, then a recipe that is built on demand. */
  | { readonly type: 'image'; readonly alias: string }
  | { readonly type: 'image'; readonly fingerprint: string }
  /** The newest image that has all these properties. */
  | { readonly type: 'image'; readonly properties: StringMap }
  /** Of a server, fetched when it is not here. */
  | { readonly type: 'image'; readonly remote: RemoteImage }
  | { readonly type: 'none' }
  | {
      readonly type: 'copy';
      readonly instance: string;
      /** Copies this snapshot instead of the machine as it is. */
      readonly snapshot?: string | undefined;
      /** Leaves the snapshots behind. */
      readonly instanceOnly: boolean;
    }
  | {
      readonly type: 'backup';
      /** Canonical name, such as `x86_64`; undefined is this host's. */
      readonly architecture: string | undefined;
      /** Whether the machine is not the one of the backup, and needs an identity of its own. */
      readonly isCopy: boolean;
      /** Stands the new machine on layers, and its snapshots too. */
      readonly fill: FillInstance;
    };

/** Makes the files of a machine whose row exists and whose directories do not. */
export type FillInstance = (record: InstanceRecord, context: WorkContext) => Promise<void>;

export interface CreateInstanceInput {
  /** Must be given: see `chooseInstanceName`. */
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly ephemeral: boolean;
  /**
   * By the names that its project has for them. Undefined: the image's or `default` (a copy: the
   * source's).
   */
  readonly profiles: readonly string[] | undefined;
  readonly source: CreateSource;
}

/** What a new machine's files are and what it inherits with them. */
interface Origin {
  /** Top first; empty for a machine without files. */
  readonly layers: readonly LayerId[];
  readonly profiles: readonly string[];
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly description: string;
  /** Undefined for a machine that keeps the identity its files have. */
  readonly trigger: IdentityTrigger | undefined;
  readonly image: ImageRecord | undefined;
  readonly architecture: string | undefined;
  readonly snapshotsOf: number | undefined;
  /** What is known of the image, with its templates. */
  readonly described: MetadataRecord | undefined;
  readonly fill: FillInstance | undefined;
}

/**
 * Makes a machine, stopped: image layer for its slice, row, writable directory. Nothing is left
 * behind when it fails. Throws `exists`, `invalid` (every issue at once), `not_found`,
 * `host_lacks` when isolated ids cannot be given.
 */
export async function createInstance(
  deps: EngineDeps,
  input: CreateInstanceInput,
  context: WorkContext,
): Promise<MadeInstance> {
  const { name, source } = input;
  checkInstanceName(`create ${JSON.stringify(ownNameOf(name).slice(0, 80))}`, name);
  using _ = await deps.live.locks.act(name, 'create');
  if (deps.store.instances.find(name) !== undefined) {
    const another = 'warren import FILE NAME    (under another name)';
    const hint = source.type === 'backup' ? { hint: another } : {};
    throw new WarrenError('exists', { kind: 'instance', name, ...hint });
  }
  // Before an image is built for minutes: what the request itself says must be right.
  if (input.profiles !== undefined) check(deps, input, settingsOf(deps, input, noOrigin));
  await checkSources(deps, `create ${name}`, {}, devicesAsked(deps, input));
  if (source.type === 'copy') {
    return await planCopy(deps, source, context, async (origin) => {
      const copy: Origin = { ...noOrigin, ...origin, trigger: 'copy' };
      const { devices } = expandInstance(deps, settingsOf(deps, input, copy));
      const beyond = { what: `create ${name}`, kept: source.instance, name };
      await refuseLargeCopy(deps, beyond, copy, devices);
      return { ...(await make(deps, input, copy, context)), frozenMs: origin.frozenMs };
    });
  }
  if (source.type === 'none' || source.type === 'backup') {
    // Files that come from elsewhere, as those of an image without a known fingerprint.
    checkImagePolicy(deps, `create ${name}`, { kind: 'import', fingerprint: '' });
  }
  if (source.type === 'none') return await make(deps, input, noOrigin, context);
  if (source.type === 'backup') {
    const { architecture, isCopy, fill } = source;
    const trigger = isCopy ? 'copy' : undefined;
    return await make(deps, input, { ...noOrigin, architecture, trigger, fill }, context);
  }
  const image = await getImageForSource(deps, imagesFor(deps, name), source, context);
  checkUseOfImage(deps, `create ${name}`, image);
  return await make(deps, input, originOfImage(deps, image), context);
}

/**
 * The devices that are to be there, as far as the request says; a copy or backup brings its own.
 */
function devicesAsked(deps: EngineDeps, input: CreateInstanceInput): DeviceMap {
  const { source, profiles } = input;
  return source.type === 'image' || source.type === 'none' || profiles !== undefined
    ? expandInstance(deps, settingsOf(deps, input, noOrigin)).devices
    : dropEmptyKeys(input.devices);
}

const noOrigin: Origin = {
  layers: [],
  profiles: ['default'],
  config: {},
  devices: {},
  description: '',
  trigger: 'create',
  image: undefined,
  architecture: undefined,
  snapshotsOf: undefined,
  described: undefined,
  fill: undefined,
};

function originOfImage(deps: EngineDeps, image: ImageRecord): Origin {
  const original = deps.store.layers.listOfImage(image.id)[0];
  if (original === undefined) throw new Error(`image ${image.fingerprint} has no layer`);
  const properties: StringMap = Object.fromEntries(
    Object.entries(image.properties).map(([key, value]) => [`image.${key}`, value]),
  );
  return {
    ...noOrigin,
    layers: [original.id],
    profiles: image.profiles.length > 0 ? image.profiles : ['default'],
    config: { ...properties, 'volatile.base_image': image.fingerprint },
    image,
    architecture: image.architecture,
    described: deps.store.imageTemplates.find(image.id),
  };
}

function settingsOf(
  deps: EngineDeps,
  input: CreateInstanceInput,
  origin: Origin,
): Pick<InstanceRecord, 'config' | 'devices' | 'profiles' | 'description' | 'ephemeral'> {
  const own = Object.entries(dropEmpty(input.config)).filter(
    ([key]) => !key.startsWith('volatile.') || key === 'volatile.base_image',
  );
  return {
    description: input.description === '' ? origin.description : input.description,
    ephemeral: input.ephemeral,
    config: { ...origin.config, ...Object.fromEntries(own) },
    devices: { ...origin.devices, ...dropEmptyKeys(input.devices) },
    profiles:
      input.profiles === undefined
        ? sameProfilesFor(deps, input.name, origin.profiles)
        : profilesFor(deps, input.name, input.profiles),
  };
}

async function make(
  deps: EngineDeps,
  input: CreateInstanceInput,
  origin: Origin,
  context: WorkContext,
): Promise<InstanceRecord> {
  const { name } = input;
  const { signal } = context;
  const { store, storage } = deps;
  const settings = settingsOf(deps, input, origin);
  check(deps, input, settings);
  const { devices } = expandInstance(deps, settings);
  await refuseHeldAddresses(deps, `create ${name}`, devices, undefined);
  signal.throwIfAborted();

  await using undo = new Revert((what, error) => {
    deps.log.warn(
      { err: error, instance: name, what },
      'a failed creation was not undone completely',
    );
  });
  const id = store.transaction(() => {
    // From here on, so that it does not expire under a machine that is being made.
    if (origin.image !== undefined) store.images.setUsed(origin.image.id, deps.now());
    return insert(deps, input, settings, origin);
  });
  noteFixedAddresses(deps, {}, devices);
  undo.push('remove the row', async () => {
    store.reclaim(() => {
      store.instances.delete(id);
      store.slices.removeUnused();
    });
    await removeUnusedLayers(deps);
  });
  const record = store.instances.findById(id);
  if (record === undefined) throw new Error(`instance ${name} lost its row`);

  const owner = ownerOf(record);
  const keep = (chain: readonly LayerId[]): void => {
    // A transaction that changes nothing waits for no disk.
    const isOther = chain.some((layer, index) => layer !== origin.layers[index]);
    if (isOther) store.instances.setLayers(id, chain);
    // An image's chain is one layer.
    if (origin.image === undefined) return;
    for (const layer of chain) store.layers.addToImage(origin.image.id, layer);
  };
  await chainFor(deps, origin.layers, owner, keep, signal);
  await origin.fill?.(record, context);
  undo.push('remove its directory', () => storage.removeUpper(id));
  await storage.createUpper(id, owner, store.instances.findById(id)?.layers[0]);
  if (origin.snapshotsOf !== undefined) {
    await copySnapshots(deps, origin.snapshotsOf, record, signal);
  }
  store.transaction(() => {
    store.instances.setPhase(id, 'ready');
  });
  undo.keep();
  deps.events.lifecycle({
    action: 'instance-created',
    subject: { kind: 'instance', name },
    context: { type: 'container' },
  });
  return getInstance(deps, name);
}

function check(
  deps: EngineDeps,
  { name }: CreateInstanceInput,
  settings: ReturnType<typeof settingsOf>,
): void {
  checkInstance(deps, `create ${name}`, { machine: name, settings, moment: 'start' });
}

/** One transaction: the ids, the row, and its hold on the layers, so that nobody removes them. */
function insert(
  deps: EngineDeps,
  input: CreateInstanceInput,
  settings: ReturnType<typeof settingsOf>,
  origin: Origin,
): number {
  const { store } = deps;
  const { name } = input;
  // Again, for another may have been made meanwhile and have taken what was left.
  check(deps, input, settings);
  const gone = origin.layers.find((layer) => store.layers.find(layer) === undefined);
  if (gone !== undefined) {
    const kind = origin.image === undefined ? 'snapshot' : 'image';
    const what = origin.image?.fingerprint.slice(0, 12) ?? gone;
    throw new WarrenError('not_found', { kind, name: what });
  }
  const { config } = expandInstance(deps, settings);
  const copies = origin.image === undefined ? [] : store.layers.listOfImage(origin.image.id);
  const { id: sliceId } = allocateSlice(
    deps,
    name,
    readSliceWish(config),
    copies.map(({ owner }) => owner.start),
  );
  const volatile: Record<string, string> = {
    'volatile.uuid': randomUUID(),
    'volatile.last_state.power': 'STOPPED',
    ...(origin.trigger === undefined ? {} : { 'volatile.apply_template': origin.trigger }),
  };
  const withVolatile = { ...settings, config: { ...settings.config, ...volatile } };
  const hwaddrs = missingHwaddrs(expandInstance(deps, withVolatile));
  const id = store.instances.insert({
    ...withVolatile,
    config: { ...withVolatile.config, ...hwaddrs },
    name,
    architecture: origin.architecture ?? deps.architecture,
    createdAtMs: deps.now(),
    sliceId,
    layers: origin.layers,
  });
  if (origin.described !== undefined) store.instanceTemplates.replace(id, origin.described);
  return id;
}
