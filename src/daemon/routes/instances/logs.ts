import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';

import { WarrenError } from '../../../contract/errors.ts';
import { readConsoleLog } from '../../../engine/instances/console.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { hasErrno } from '../../../sys/sys-error.ts';
import { syncBody } from '../../http/replies.ts';
import { param } from '../../http/request.ts';
import { listRecords, recordsDir } from './records.ts';
import { instanceTrees } from './tree.ts';
import { instanceUrl } from '../../views/urls.ts';

import type { FastifyInstance } from 'fastify';
import type { DaemonContext } from '../../context.ts';

/** How much of the daemon's log is searched for a machine's lines. */
const searchedBytes = 1024 * 1024;

/**
 * `/1.0/instances/NAME/logs`: `lxc.log` (the name is fixed in the stock client) is what the daemon
 * logged of the machine, `console.log` its console, `exec_*` recorded output of commands.
 */
export function logRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const all = `/1.0/${tree}/:name/logs`;
    app.get(all, async (request) => {
      const { name } = getInstance(engine, param(request, 'name'));
      const files = ['console.log', 'lxc.log', ...(await listRecords(engine.paths, name))];
      return syncBody(files.map((file) => instanceUrl(name, `/logs/${file}`, tree)));
    });
    app.get(`${all}/:file`, async (request, reply) => {
      const { name } = getInstance(engine, param(request, 'name'));
      const file = param(request, 'file');
      void reply.header('Content-Type', 'text/plain; charset=utf-8');
      if (file === 'console.log') return reply.send(await readConsoleLog(engine, name));
      if (file === 'lxc.log') return reply.send(await linesAbout(engine.paths.daemonLog, name));
      return reply.send(createReadStream(await recordPath(context, name, file)));
    });
    app.delete(`${all}/:file`, async (request) => {
      const { name } = getInstance(engine, param(request, 'name'));
      const file = param(request, 'file');
      if (file === 'console.log' || file === 'lxc.log') {
        throw new WarrenError('forbidden', {
          what: `delete ${file} of ${name}`,
          why: 'only recorded output can be deleted',
        });
      }
      await rm(await recordPath(context, name, file), { force: true });
      return syncBody(null);
    });
  }
}

/** Throws `not_found` for anything but a name in the listing, so no path leads elsewhere. */
async function recordPath(context: DaemonContext, name: string, file: string): Promise<string> {
  const { paths } = context.engine;
  if (!(await listRecords(paths, name)).includes(file)) {
    throw new WarrenError('not_found', { kind: 'log', name: file });
  }
  return `${recordsDir(paths, name)}/${file}`;
}

async function linesAbout(logPath: string, name: string): Promise<string> {
  try {
    await using file = await open(logPath, 'r');
    const { size } = await file.stat();
    const from = Math.max(0, size - searchedBytes);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(Math.min(size, searchedBytes)),
      0,
      Math.min(size, searchedBytes),
      from,
    );
    const wanted = [`"instance":${JSON.stringify(name)}`, `"name":${JSON.stringify(name)}`];
    return buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .filter((line) => wanted.some((text) => line.includes(text)))
      .map((line) => `${line}\n`)
      .join('');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return '';
    throw error;
  }
}
