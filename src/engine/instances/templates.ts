import { setImmediate as aTurn } from 'node:timers/promises';

import { guestPath } from '../../base/brand.ts';
import { ownNameOf } from '../../base/names.ts';
import { readBool } from '../../contract/config/read.ts';
import type { Expanded } from '../../contract/config/expand.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import { namesNoTemplate } from '../../image/metadata.ts';
import { TemplateError } from '../../image/template/error.ts';
import { renderTemplate } from '../../image/template/render.ts';
import type { GuestFiles } from '../../storage/types.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import type { IdentityTrigger } from './identity.ts';
import { describeInstance } from './metadata.ts';

const warningType = 'Template not applied';

export interface TemplatedMachine {
  readonly record: InstanceRecord;
  readonly expanded: Expanded;
  readonly files: GuestFiles;
}

/**
 * Writes the files that the templates of the machine's image make at this trigger, before init
 * runs. A template that is not understood, or whose file cannot be written, is told of in a warning
 * and the file stays as it is: half a configuration is worse than none. What it writes is confined
 * to the machine's own root, whatever links the image has there.
 */
export async function applyTemplates(
  deps: EngineDeps,
  { record, expanded, files }: TemplatedMachine,
  trigger: IdentityTrigger | 'start',
  signal: AbortSignal,
): Promise<void> {
  const kept = deps.store.instanceTemplates.find(record.id);
  if (kept === undefined || namesNoTemplate(kept.metadata)) return;
  const { metadata, templateFiles } = describeInstance(deps, record);
  const problems: string[] = [];
  for (const [path, template] of Object.entries(metadata.templates)) {
    if (!template.when.includes(trigger)) continue;
    // A thousand of them may each take some time.
    await aTurn();
    signal.throwIfAborted();
    try {
      const source = Object.hasOwn(templateFiles, template.template)
        ? templateFiles[template.template]
        : undefined;
      if (source === undefined) throw new TemplateError(`there is no ${template.template}`);
      if (template.createOnly && (await isThere(files, path))) continue;
      const text = renderTemplate(source, {
        trigger,
        path,
        instance: {
          name: ownNameOf(record.name),
          type: 'container',
          architecture: record.architecture,
          ephemeral: String(record.ephemeral),
          privileged: String(readBool(expanded.config, 'security.privileged') === true),
        },
        config: expanded.config,
        devices: expanded.devices,
        properties: template.properties,
      });
      await write(files, path, text);
    } catch (error) {
      if (!(error instanceof TemplateError || error instanceof WarrenError)) throw error;
      problems.push(`${path} from ${template.template}: ${error.message}`);
    }
  }
  report(deps, record, trigger, problems);
}

async function isThere(files: GuestFiles, path: string): Promise<boolean> {
  try {
    await files.stat(guestPath(path));
    return true;
  } catch (error) {
    if (isWarrenError(error, 'not_found')) return false;
    throw error;
  }
}

/** In place, so that owner and mode of what is there stay; a new one is root's. */
async function write(files: GuestFiles, path: string, text: string): Promise<void> {
  const owner = { uid: 0, gid: 0 };
  const parent = path.slice(0, path.lastIndexOf('/'));
  if (parent !== '' && !(await isThere(files, parent))) {
    await files.makeDirectory(guestPath(parent), { ...owner, mode: 0o755, parents: true });
  }
  await files.write(guestPath(path), text, { ...owner, mode: 0o644 });
}

function report(
  deps: EngineDeps,
  { name }: InstanceRecord,
  trigger: string,
  problems: readonly string[],
): void {
  const entity = `instance ${name}`;
  if (problems.length === 0) {
    // What failed at its making is still not there after a later start.
    if (trigger !== 'start') deps.store.warnings.resolve(warningType, entity);
    return;
  }
  const shown = problems.slice(0, 5).join('; ');
  const message = `${name} has files that its image's templates did not make: ${shown}`;
  deps.store.warnings.raise(
    { type: warningType, severity: 'moderate', entity, message },
    deps.now(),
  );
  deps.log.warn({ instance: name, problems }, 'templates were not applied');
}
