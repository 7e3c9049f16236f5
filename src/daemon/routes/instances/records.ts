import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';

import { machineName } from '../../../base/names.ts';
import { settled } from '../../operations/exec.ts';
import { streamEnd } from '../../operations/pipes.ts';
import { namesIn } from '../../../sys/names-in.ts';
import { hasErrno } from '../../../sys/sys-error.ts';
import { instanceUrl } from '../../views/urls.ts';

import type { ExecSession } from '../../../runtime/types.ts';
import type { Paths } from '../../../contract/paths.ts';
import type { DaemonContext } from '../../context.ts';
import type { EventHub } from '../../events/hub.ts';
import type { OperationWork } from '../../operations/operation.ts';

/** Most that is recorded of one output; the rest is read and dropped. */
const maxRecordedBytes = 16 * 1024 * 1024;

/** Where the recorded outputs of commands lie, a directory for each machine. */
export function recordsTop({ logDir }: Pick<Paths, 'logDir'>): string {
  return `${logDir}/exec`;
}

/** Where those of one machine lie. */
export function recordsDir(paths: Pick<Paths, 'logDir'>, name: string): string {
  return `${recordsTop(paths)}/${name}`;
}

/** Names of the recorded outputs of a machine. */
export async function listRecords(paths: Paths, name: string): Promise<string[]> {
  return (await namesIn(recordsDir(paths, name))).sort();
}

/** Recorded outputs follow their machine: renamed with it, gone with it. */
export function followInstances(
  hub: EventHub,
  paths: Paths,
  onError: (error: unknown) => void,
): void {
  hub.listen(new Set(['lifecycle']), (event) => {
    const { action, source, context } = event.metadata as {
      action: string;
      source: string;
      context: { readonly old_name?: string; readonly old_project?: string };
    };
    const [path = ''] = source.split('?');
    const name = machineName(event.project, decodeURIComponent(path.split('/')[3] ?? ''));
    const { old_name: oldName, old_project: from = event.project } = context;
    if (action === 'instance-deleted' && name !== '') {
      rm(recordsDir(paths, name), { recursive: true, force: true }).catch(onError);
    } else if (action === 'instance-renamed' && oldName !== undefined) {
      rename(recordsDir(paths, machineName(from, oldName)), recordsDir(paths, name)).catch(
        (error: unknown) => {
          if (!hasErrno(error, 'ENOENT')) onError(error);
        },
      );
    }
  });
}

/** Runs a command without a client: no input, output recorded or dropped. */
export async function recordExec(
  { engine }: DaemonContext,
  { name, record, work, start }: RecordedExec,
): Promise<Readonly<Record<string, unknown>>> {
  const dir = recordsDir(engine.paths, name);
  if (record) await mkdir(dir, { recursive: true, mode: 0o700 });
  const session = await start();
  const onAbort = (): void => {
    session.kill();
  };
  work.signal.addEventListener('abort', onAbort, { once: true });
  if (work.signal.aborted) onAbort();
  const { stdio } = session;
  if (stdio.kind !== 'pipes') throw new Error('a command without a client has a terminal');
  stdio.stdin.end();
  const targets = [
    { fd: '1', source: stdio.stdout, file: `exec_${work.id}.stdout` },
    { fd: '2', source: stdio.stderr, file: `exec_${work.id}.stderr` },
  ] as const;
  const outputs = targets.map(({ source, file }) => ({
    source,
    sent: saveStream(source, record ? `${dir}/${file}` : undefined),
  }));
  try {
    const status = await session.exited;
    await settled(outputs, 200);
    const output = Object.fromEntries(
      targets.map(({ fd, file }) => [fd, instanceUrl(name, `/logs/${file}`)]),
    );
    return { return: status, ...(record ? { output } : {}) };
  } finally {
    work.signal.removeEventListener('abort', onAbort);
  }
}

interface RecordedExec {
  readonly name: string;
  readonly record: boolean;
  readonly work: OperationWork;
  readonly start: () => Promise<ExecSession>;
}

async function saveStream(source: NodeJS.ReadableStream, path: string | undefined): Promise<void> {
  const file = path === undefined ? undefined : createWriteStream(path, { mode: 0o600 });
  let left = maxRecordedBytes;
  let failure: Error | undefined;
  file?.on('error', (error) => {
    failure = error;
  });
  source.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, left);
    left -= kept.length;
    if (kept.length > 0 && failure === undefined) file?.write(kept);
  });
  await streamEnd(source);
  await new Promise<void>((resolve) => {
    if (file === undefined || failure !== undefined) resolve();
    else file.end(resolve);
  });
  if (failure !== undefined) throw failure;
}
