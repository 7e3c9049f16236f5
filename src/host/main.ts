import { writeFileSync } from 'node:fs';

import { refuseRealRoot } from '../client/real-root.ts';
import { catalogue } from '../contract/errors.ts';
import { describeFailure } from '../contract/host.ts';
import { currentUser, userPaths, type Environment } from './account.ts';
import { install, uninstall } from './install.ts';
import { start } from './start.ts';
import { stopForManager } from './stop.ts';
import { failureFile } from './systemd.ts';

export interface HostInput {
  /** The verb and what follows it. */
  readonly args: readonly string[];
  readonly env: Environment;
  /** Directory of warren-host.js and its fellows. */
  readonly binDir: string;
}

/**
 * What must happen outside U0, on behalf of the CLI, which imports nothing native. Answers the exit
 * code; on failure the last line of standard error is a `HostFailure`.
 */
export async function hostMain({ args, env, binDir }: HostInput): Promise<number> {
  const [verb = '', ...rest] = args;
  const asService = rest.includes('--as-service');
  try {
    switch (verb) {
      case 'start':
        await start({ env, binDir, asService });
        return 0;
      case 'stop':
        await stopForManager(env);
        return 0;
      case 'doctor':
        return await (await import('./doctor.ts')).runDoctor({ args: rest, env, print });
      case 'install':
      case 'uninstall': {
        refuseRealRoot();
        const user = currentUser(env);
        const paths = userPaths(env, user);
        const change = verb === 'install' ? install : uninstall;
        for (const line of await change({ env, user, paths, binDir })) print(line);
        return 0;
      }
      default:
        process.stderr.write('usage: warren-host start|stop|doctor|install|uninstall\n');
        return 2;
    }
  } catch (error) {
    return fail(error, env, asService);
  }
}

function fail(error: unknown, env: Environment, asService: boolean): number {
  const paths = userPaths(env, currentUser(env));
  const failure = describeFailure(error, paths.keeperLog, paths.dataDir);
  const text = JSON.stringify(failure);
  if (failure.error.code === 'bug' && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
  }
  process.stderr.write(`${text}\n`);
  if (asService) writeFileSync(failureFile(paths), text, { mode: 0o600 });
  return catalogue[failure.error.code].exit;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
