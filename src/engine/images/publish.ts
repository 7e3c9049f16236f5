import { randomUUID } from 'node:crypto';

import { hostPath } from '../../base/brand.ts';
import { ownNameOf } from '../../base/names.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import type { Compression } from '../../contract/compression.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { ImageMetadata } from '../../image/types.ts';
import { chooseInstanceName } from '../instances/names.ts';
import { createInstance } from '../instances/create.ts';
import { removeInstance } from '../instances/delete.ts';
import { getInstance } from '../instances/list.ts';
import { describeInstance } from '../instances/metadata.ts';
import { finishRestore } from '../instances/restoring.ts';
import { isRunning } from '../instances/state.ts';
import { checkImagePolicy } from '../policy/policy.ts';
import type { EngineDeps, ImageRecord, InstanceRecord, WorkContext } from '../types.ts';
import { extensionOf } from './files.ts';
import { importImage } from './import.ts';

export interface PublishImageInput {
  /** Which is to have the image. */
  readonly project: string;
  readonly instance: string;
  readonly snapshot: string | undefined;
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
  if (snapshot === undefined) {
    getInstance(deps, instance);
    using _ = await deps.live.locks.act(instance, 'publish');
    return await publishStopped(deps, getInstance(deps, instance), input, context);
  }
  // A snapshot has no root of its own to mount: a machine that stands on it has.
  const stand = await createInstance(
    deps,
    {
      name: chooseInstanceName(deps, 'default'),
      description: `being published from ${instance}/${snapshot}`,
      config: {},
      devices: {},
      ephemeral: false,
      profiles: undefined,
      source: { type: 'copy', instance, snapshot, instanceOnly: true },
      standIn: true,
    },
    context,
  );
  using _ = await deps.live.locks.wait(stand.name);
  try {
    return await publishStopped(deps, stand, input, context);
  } finally {
    await removeInstance(deps, stand);
  }
}

async function publishStopped(
  deps: EngineDeps,
  record: InstanceRecord,
  input: PublishImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const { name } = record;
  if (isRunning(deps, record)) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'publish',
      state: 'running',
      wanted: 'stopped',
      hint: `warren stop ${name}`,
    });
  }
  const { metadata: origin, templateFiles } = describeInstance(deps, record);
  const metadata: ImageMetadata = {
    architecture: record.architecture,
    creationDate: Math.floor(deps.now() / 1000),
    expiryDate: 0,
    properties: input.properties ?? inheritedProperties(record.config),
    templates: origin.templates,
  };
  const file = hostPath(`${deps.paths.imagesDir}/publish-${randomUUID()}`);
  context.progress({ stage: 'packing the root file system' });
  await finishRestore(deps, record);
  const root = await deps.storage.mountRoot(record.id, record.layers);
  try {
    const description = { metadata, templateFiles };
    const { slice } = record;
    const { compression } = input;
    await deps.images.pack({ root, description, file, slice, compression }, context);
  } finally {
    await deps.storage.unmountRoot(record.id);
  }
  return importImage(
    deps,
    {
      project: input.project,
      files: { metadata: file },
      filename: input.filename ?? `${ownNameOf(name)}${await extensionOf(file)}`,
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
