import { randomUUID } from 'node:crypto';

import { hostPath, type HostPath } from '../../base/brand.ts';
import { ownNameOf } from '../../base/names.ts';
import { Revert } from '../../base/revert.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import type { Compression } from '../../contract/compression.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { ImageMetadata } from '../../image/types.ts';
import { checkStartable } from '../instances/check-startable.ts';
import { getInstance } from '../instances/list.ts';
import { describeInstance } from '../instances/metadata.ts';
import { finishRestore } from '../instances/restoring.ts';
import { startLocked } from '../instances/start.ts';
import { isRunning } from '../instances/state.ts';
import { stopLocked } from '../instances/stop.ts';
import { removeUnusedLayers } from '../layers.ts';
import { checkImagePolicy } from '../policy/policy.ts';
import { getSnapshot } from '../snapshots/list.ts';
import {
  type EngineDeps,
  type ImageRecord,
  type InstanceRecord,
  type SnapshotRecord,
  unattended,
  type WorkContext,
} from '../types.ts';
import { extensionOf } from './files.ts';
import { importImage } from './import.ts';

export interface PublishImageInput {
  /** The project that is to have the image. */
  readonly project: string;
  readonly instance: string;
  readonly snapshot: string | undefined;
  /** A machine that runs is stopped for it and started again, whatever comes of it. */
  readonly force?: boolean | undefined;
  /** Undefined: those of the image the machine came from. */
  readonly properties: StringMap | undefined;
  /** Of machines that are made of it and ask for none. */
  readonly profiles?: readonly string[] | undefined;
  /** Undefined: named after the machine. */
  readonly filename?: string | undefined;
  readonly public: boolean;
  readonly expiresAtMs: number | undefined;
  /** Undefined: the best there is. */
  readonly compression: Compression | undefined;
  readonly aliases: readonly { readonly name: string; readonly description: string }[];
}

/** Makes an image of a stopped machine or of a snapshot. Throws `wrong_state` when it runs. */
export async function publishImage(
  deps: EngineDeps,
  input: PublishImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const { instance, snapshot } = input;
  using _making = deps.live.imagesUnderWay.hold(input.project);
  checkImagePolicy(deps, `publish ${instance}`, { kind: 'publish', fingerprint: undefined });
  return snapshot === undefined
    ? await publishMachine(deps, input, context)
    : await publishSnapshot(deps, getSnapshot(deps, instance, snapshot), input, context);
}

async function publishMachine(
  deps: EngineDeps,
  input: PublishImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const { instance } = input;
  getInstance(deps, instance);
  using _ = await deps.live.locks.act(instance, 'publish');
  const record = getInstance(deps, instance);
  if (!isRunning(deps, record)) return await publishStopped(deps, record, input, context);
  if (input.force !== true) {
    throw new WarrenError('wrong_state', {
      name: instance,
      action: 'publish',
      state: 'running',
      wanted: 'stopped',
      hint: `warren stop ${instance}`,
    });
  }
  await checkStartable(deps, `publish ${instance}`, record);
  const subject = { kind: 'instance', name: instance } as const;
  context.progress({ stage: `stopping ${ownNameOf(instance)}` });
  const { kind } = await stopLocked(deps, record, { force: false, timeoutMs: undefined }, context);
  deps.events.lifecycle({ action: 'instance-stopped', subject, context: { reason: kind } });
  const start = async (): Promise<void> => {
    await startLocked(deps, instance, unattended);
    deps.events.lifecycle({ action: 'instance-started', subject, context: {} });
  };
  await using undo = new Revert((what, error) => {
    deps.log.warn({ err: error, instance, what }, 'after a failed publishing it stays stopped');
  });
  // Also when it was cancelled.
  undo.push('start it again', start);
  const image = await publishStopped(deps, getInstance(deps, instance), input, context);
  undo.keep();
  await start();
  return image;
}

/** For a caller that holds the machine's lock. */
async function publishStopped(
  deps: EngineDeps,
  record: InstanceRecord,
  input: PublishImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  await finishRestore(deps, record);
  const root = await deps.storage.mountRoot(record.id, record.layers);
  const file = await packRoot(deps, { record, root }, input, context, () =>
    deps.storage.unmountRoot(record.id),
  );
  return await importPacked(deps, file, input, context);
}

/** The machine may run meanwhile, and the snapshot go: its layers are held. */
async function publishSnapshot(
  deps: EngineDeps,
  { config, layers }: SnapshotRecord,
  input: PublishImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const record = { ...getInstance(deps, input.instance), config };
  try {
    using _ = deps.live.heldLayers.hold(...layers);
    const view = await deps.storage.mountView(layers);
    const file = await packRoot(deps, { record, root: view.path }, input, context, () =>
      view[Symbol.asyncDispose](),
    );
    return await importPacked(deps, file, input, context);
  } finally {
    await removeUnusedLayers(deps);
  }
}

/** Packs a mounted root with what its machine is known by, and lets go of it. */
async function packRoot(
  deps: EngineDeps,
  { record, root }: { readonly record: InstanceRecord; readonly root: HostPath },
  { properties, compression }: PublishImageInput,
  context: WorkContext,
  unmount: () => Promise<void>,
): Promise<HostPath> {
  try {
    const { metadata: origin, templateFiles } = describeInstance(deps, record);
    const metadata: ImageMetadata = {
      architecture: record.architecture,
      creationDate: Math.floor(deps.now() / 1000),
      expiryDate: 0,
      properties: properties ?? inheritedProperties(record.config),
      templates: origin.templates,
    };
    const file = hostPath(`${deps.paths.imagesDir}/publish-${randomUUID()}`);
    context.progress({ stage: 'packing the root file system' });
    const description = { metadata, templateFiles };
    const { slice } = record;
    await deps.images.pack({ root, description, file, slice, compression }, context);
    return file;
  } finally {
    await unmount();
  }
}

async function importPacked(
  deps: EngineDeps,
  file: HostPath,
  input: PublishImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  return importImage(
    deps,
    {
      project: input.project,
      files: { metadata: file },
      filename: input.filename ?? `${ownNameOf(input.instance)}${await extensionOf(file)}`,
      properties: {},
      profiles: input.profiles ?? [],
      public: input.public,
      autoUpdate: false,
      expiresAtMs: input.expiresAtMs,
      fingerprint: undefined,
      aliases: input.aliases,
      origin: 'publish',
    },
    context,
  );
}

function inheritedProperties(config: StringMap): StringMap {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith('image.'))
      .map(([key, value]) => [key.slice('image.'.length), value]),
  );
}
