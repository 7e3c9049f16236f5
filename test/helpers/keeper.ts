import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect } from 'vitest';

import type { ExitRecord, U0Record } from '../../src/contract/keeper.ts';
import { isRunning } from '../../src/sys/proc/identity.ts';
import type { Answer, Order } from '../fixtures/keeper/orders.ts';
import { eventually, processesUnder, root, runProgram, type CommandResult } from './warren.ts';

/** warren-host and warren-keeper as they are, beside a daemon that only takes orders. */
export interface KeeperGround extends AsyncDisposable {
  readonly dir: string;
  /** A directory for this ground alone, which goes with it. */
  readonly base: string;
  /** `warren-host VERB …`. */
  host(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CommandResult>;
  /** `warren-host start`, which must succeed. */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Tells the daemon to do something and answers what it says; its connection starts one. */
  order(order: Order, runtimeDir?: string): Promise<Answer>;
  /** Waits until the daemon knows of an exit of process `pid`. */
  exitOf(pid: number): Promise<ExitRecord>;
  keeperPid(): number;
  pin(): U0Record['pin'];
  log(): string;
}

const bundling = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'error',
} as const;

/**
 * Disposing ends every process of it, and asserts that none is left. `apart`: data and runtime
 * files have directories of their own, as without `WARREN_DIR`; `dir` is that of the runtime files.
 */
export async function openKeeperGround({ apart = false } = {}): Promise<KeeperGround> {
  const base = mkdtempSync(join(homedir(), 'k-'));
  const dir = join(base, apart ? 'run/warren' : 'w');
  const places = apart
    ? { WARREN_DIR: '', XDG_DATA_HOME: join(base, 'data'), XDG_RUNTIME_DIR: join(base, 'run') }
    : { WARREN_DIR: dir };
  const dataDir = apart ? join(base, 'data/warren') : dir;
  const bin = join(base, 'bin');
  mkdirSync(bin);
  writeFileSync(join(base, 'package.json'), '{"type":"module"}');
  symlinkSync(join(root, 'node_modules'), join(base, 'node_modules'));
  await build({
    ...bundling,
    entryPoints: ['warren-host', 'warren-keeper'].map((name) => join(root, `src/bin/${name}.ts`)),
    outdir: bin,
  });
  await build({
    ...bundling,
    entryPoints: [join(root, 'test/fixtures/keeper/daemon.ts')],
    outfile: join(bin, 'warrend.js'),
  });

  const host: KeeperGround['host'] = (args, env = {}) =>
    runProgram(process.execPath, [join(bin, 'warren-host.js'), ...args], {
      env: { ...places, ...env },
      timeoutMs: 60_000,
    });
  const order: KeeperGround['order'] = (what, runtimeDir = dir) =>
    send(join(runtimeDir, 'unix.socket'), what);
  const pin = (): U0Record['pin'] =>
    (JSON.parse(readFileSync(join(dir, 'u0.json'), 'utf8')) as U0Record).pin;
  return {
    dir,
    base,
    host,
    order,
    pin,
    async start(env) {
      const result = await host(['start'], env);
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    },
    async exitOf(pid) {
      let found: ExitRecord | undefined;
      await eventually(async () => {
        const { exits } = await order({ do: 'status' });
        found = exits?.find((exit) => exit.pid === pid);
        expect(found, `an exit of ${pid}`).toBeDefined();
      });
      if (found === undefined) throw new Error('unreachable');
      return found;
    },
    keeperPid: () => Number(readFileSync(join(dir, 'keeper.pid'), 'utf8')),
    log: () => readFileSync(join(dataDir, 'logs/keeper.log'), 'utf8'),
    async [Symbol.asyncDispose]() {
      const pids = (): number[] => processesUnder(base).map((line) => Number(line.split(' ')[0]));
      // The pin has no environment and no directory of ours: it is known by its record.
      let last: U0Record['pin'] | undefined;
      try {
        last = pin();
      } catch {
        last = undefined;
      }
      for (const pid of pids()) tryKill(pid);
      if (last !== undefined && isRunning(last)) tryKill(last.pid);
      await eventually(() => {
        expect(pids()).toEqual([]);
      });
      rmSync(base, { recursive: true, force: true });
    },
  };
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended meanwhile.
  }
}

async function send(path: string, order: Order): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(20_000, () => socket.destroy(new Error('no answer within 20 s')));
    socket.on('connect', () => socket.write(`${JSON.stringify(order)}\n`));
    socket.on('data', (chunk: Buffer | string) => (text += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () => {
      if (text === '') reject(new Error('the daemon hung up'));
      else resolve(JSON.parse(text) as Answer);
    });
  });
}
