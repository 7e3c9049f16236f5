import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, inject } from 'vitest';

import { apiPath, Client } from '../../src/client/client.ts';
import { Transport } from '../../src/client/transport.ts';
import { eventually, type CommandOptions, type CommandResult } from '../helpers/warren.ts';
import { type Emulator, type EmulatorInput, startEmulator } from './emulator.ts';
import { greets, logIn, type Login } from './login.ts';

/**
 * A host on which warren is installed, as files: every test file goes on from there with one of its
 * own.
 */
export interface SavedHost {
  readonly base: string;
  readonly disk: string;
  readonly secondDisk: string;
  readonly state: string;
}

/** A Debian with systemd where `warren` is an ordinary user who lingers. */
export interface EmulatedHost extends AsyncDisposable {
  /** Runs a script as root; it must succeed. Answers its standard output. */
  root(script: string): Promise<string>;
  /** Runs a line of shell as the user, in a session of theirs that begins with the first. */
  user(line: string, options?: CommandOptions): Promise<CommandResult>;
  /** Standard output of a line as the user that must succeed. */
  ok(line: string, options?: CommandOptions): Promise<string>;
  /** The daemon's API, through the user's session; a daemon must run. */
  api(): Promise<Client>;
  /** Makes a busybox machine and starts it. */
  launch(name: string, config?: Readonly<Record<string, string>>): Promise<void>;
  /** Runs a line of shell in a machine; answers its exit code. */
  exec(name: string, line: string): Promise<number>;
  /** Ends the sessions that this has there. */
  logOut(): Promise<void>;
  /**
   * Runs a script as root while the user has no session and no manager, as changes of an account
   * want it.
   */
  withoutUser(script: string): Promise<void>;
  /** Lets root restart it, and waits until root can log in. */
  restart(): Promise<void>;
  /**
   * Cuts the power, gives it back and waits the same. What no disk has been asked to keep is lost.
   */
  cutPower(): Promise<void>;
}

/**
 * No test file may take longer, on whatever host: an emulator that nothing ends keeps a processor
 * busy.
 */
const limitMs = 25 * 60_000;

/**
 * For a boot, or a script of root's: half a minute, and ten times that where others want the
 * processors too.
 */
export const patienceMs = 300_000;

/**
 * Retries an assertion that what the host does makes true, seldom enough not to keep it from that.
 */
export async function inTime(assertion: () => Promise<void>): Promise<void> {
  await eventually(assertion, patienceMs, 500);
}

/** A host of the caller's own, as `setup` left it. Disposing ends it. */
export async function openHost(
  options: Pick<EmulatorInput, 'bootWords'> = {},
): Promise<EmulatedHost> {
  const { base, disk, secondDisk, state } = inject('vm');
  const directory = mkdtempSync(join(dirname(state), 'host-'));
  const emulator = await startEmulator({
    ...{ base, disk, secondDisk, state, directory, limitMs, ...options },
    keepsWrites: false,
  });
  const end = async (): Promise<void> => {
    await emulator[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const host = await connect(emulator, { key: join(base, 'key'), directory });
    return {
      ...host,
      [Symbol.asyncDispose]: async () => {
        await host[Symbol.asyncDispose]();
        await end();
      },
    };
  } catch (error) {
    process.stderr.write(`${emulator.consoleTail()}\n`);
    await end();
    throw error;
  }
}

export interface Connection {
  /** Private key that root knows, and the user once warren is installed. */
  readonly key: string;
  /** For sockets. */
  readonly directory: string;
}

/** Waits until the host has booted. Disposing ends the sessions. */
export async function connect(
  emulator: Emulator,
  { key, directory }: Connection,
): Promise<EmulatedHost> {
  const logins = new Map<string, Login>();
  const apiSocket = join(directory, 'api');
  let client: Client | undefined;
  const login = async (user: string): Promise<Login> => {
    const known = logins.get(user);
    if (known !== undefined) return known;
    const socket = join(directory, `ssh-${user}`);
    const to = '/run/user/1000/warren/unix.socket';
    const forward = user === 'root' ? {} : { forward: { from: apiSocket, to } };
    const fresh = await logIn({ port: emulator.sshPort, key, user, socket, ...forward });
    logins.set(user, fresh);
    return fresh;
  };
  const api: EmulatedHost['api'] = async () => {
    await login('warren');
    return (client ??= new Client({ transport: new Transport({ socket: apiSocket }) }));
  };
  const logOut = async (): Promise<void> => {
    client?.transport.close();
    client = undefined;
    await Promise.all([...logins.values()].map((one) => one[Symbol.asyncDispose]()));
    logins.clear();
  };
  const root: EmulatedHost['root'] = async (script) => {
    const result = await (
      await login('root')
    ).run(`sh -euc ${quote(script)}`, {
      timeoutMs: patienceMs,
    });
    return succeeded(script, result);
  };
  const user: EmulatedHost['user'] = async (line, options) =>
    await (await login('warren')).run(line, options);
  const bootId = (): Promise<string> => root('cat /proc/sys/kernel/random/boot_id');
  const waitForBoot = (before?: string): Promise<void> =>
    inTime(async () => {
      expect(await greets(emulator.sshPort), 'ssh').toBe(true);
      try {
        expect(await bootId()).not.toBe(before);
      } catch (error) {
        // It was the one that goes down.
        await logOut();
        throw error;
      }
    });
  const bootedAnew = async (begin: () => Promise<unknown>): Promise<void> => {
    const before = await bootId();
    await begin();
    await logOut();
    await waitForBoot(before);
  };
  await waitForBoot();
  return {
    root,
    user,
    async ok(line, options) {
      return succeeded(line, await user(line, options));
    },
    api,
    async launch(name, config = {}) {
      const daemon = await api();
      const source = { type: 'image', alias: 'busybox' };
      await daemon.operate('POST', apiPath('instances'), { name, source, config });
      await daemon.operate('PUT', apiPath('instances', name, 'state'), { action: 'start' });
    },
    async exec(name, line) {
      const body = { command: ['sh', '-c', line], 'record-output': true };
      const path = apiPath('instances', name, 'exec');
      const { metadata } = await (await api()).operate('POST', path, body);
      return Number(metadata['return']);
    },
    logOut,
    async withoutUser(script) {
      await logOut();
      await root(`
        systemctl stop user@1000.service
        loginctl terminate-user warren || true
        while pgrep -u warren >/dev/null; do sleep 0.3; done
        ${script}
        systemctl start user@1000.service`);
    },
    // The command goes on until the shutdown ends its session.
    restart: () =>
      bootedAnew(async () => await (await login('root')).run('systemctl reboot; sleep 300')),
    cutPower: () => bootedAnew(() => emulator.monitor('system_reset')),
    [Symbol.asyncDispose]: logOut,
  };
}

function succeeded(script: string, { exitCode, stdout, stderr }: CommandResult): string {
  expect(exitCode, `${script}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

/** A machine's cgroup as the host shows it. */
export function scopeOf(name: string): string {
  const manager = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service';
  return `${manager}/user.slice/warren-${name}.scope`;
}

/** As one word of a line of shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
