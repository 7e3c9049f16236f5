import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';

import { runProgram, type CommandOptions, type CommandResult } from '../helpers/warren.ts';

export interface LoginInput {
  readonly port: number;
  readonly user: string;
  /** Private key that the host knows. */
  readonly key: string;
  /** Where the connection's socket shall be. */
  readonly socket: string;
  /** A socket of ours that shall lead to one of the host's. */
  readonly forward?: { readonly from: string; readonly to: string };
}

/** A session on the emulated host, as a person has it through ssh. Disposing ends it. */
export interface Login extends AsyncDisposable {
  /** Runs a line of shell there. */
  run(script: string, options?: CommandOptions): Promise<CommandResult>;
}

/**
 * Logs in once, so that each command costs no key exchange. Throws when the host does not answer.
 */
export async function logIn(input: LoginInput): Promise<Login> {
  const { port, user, key, socket, forward } = input;
  rmSync(socket, { force: true });
  const words = [
    ...['-F', 'none', '-p', String(port), '-i', key, '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
    // The other end is this process's own child on the loopback, whose key is new with each disk.
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
    ...['-o', 'ConnectTimeout=90', '-o', 'ServerAliveInterval=20', '-S', socket],
    // The exchange that ssh prefers takes many times as long on an emulated processor.
    ...['-o', 'KexAlgorithms=curve25519-sha256'],
  ];
  const forwarding =
    forward === undefined
      ? []
      : ['-o', 'StreamLocalBindUnlink=yes', '-L', `${forward.from}:${forward.to}`];
  const master = spawn('ssh', [...words, ...forwarding, '-M', '-N', `${user}@127.0.0.1`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(master, 'exit');
  let complaint = '';
  master.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  while (!existsSync(socket)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (master.exitCode !== null) throw new Error(`ssh to the emulated host: ${complaint}`);
  }
  return {
    run: (script, options) => runProgram('ssh', [...words, `${user}@127.0.0.1`, script], options),
    [Symbol.asyncDispose]: async () => {
      master.kill();
      await ended;
    },
  };
}

/**
 * Whether ssh of the host says hello. Asked before a login: a connection that the emulator has
 * taken before the host could is tried there again at ever longer intervals, long after ssh is
 * there.
 */
export async function greets(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port });
  try {
    return await new Promise((resolve) => {
      const answer = (value: boolean) => () => {
        resolve(value);
      };
      socket.setTimeout(5000, answer(false));
      socket.once('data', answer(true)).once('error', answer(false)).once('close', answer(false));
    });
  } finally {
    socket.destroy();
  }
}
