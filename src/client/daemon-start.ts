import { rebuild } from './errors.ts';
import { WarrenError } from '../contract/errors.ts';

/** Runs warren-host, the process that may do what must happen outside U0. Output is text. */
export interface HostProgram {
  /** Absolute path of `warren-host.js`. */
  readonly path: string;
}

export interface HostResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `inherit` shows its output as it comes. */
export async function runHost(
  program: HostProgram,
  args: readonly string[],
  stdio: 'collect' | 'inherit' = 'collect',
): Promise<HostResult> {
  const { spawn } = await import('node:child_process');
  return await new Promise((resolve, reject) => {
    // The caller's directory can be one that its user may not enter, as below another's home.
    const child = spawn(process.execPath, [program.path, ...args], {
      cwd: '/',
      stdio: ['ignore', stdio === 'inherit' ? 'inherit' : 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    // `exit` and not `close`: what it started may hold its output open for ever.
    child.once('exit', (code, signal) => {
      setImmediate(() => {
        resolve({ exitCode: code ?? (signal === null ? 1 : 128), stdout, stderr });
      });
    });
  });
}

/**
 * Has the keeper and with it the daemon started; resolves when the socket is listening. Throws
 * what warren-host says on its stderr, one JSON line `{"error":{"code","details"}}`.
 */
export async function startDaemon(program: HostProgram, socket: string): Promise<void> {
  const result = await runHost(program, ['start']);
  if (result.exitCode !== 0) throw hostError(result, socket);
}

/** The error that a failed warren-host reported. */
export function hostError({ exitCode, stderr }: HostResult, socket: string): Error {
  const lines = stderr.trim().split('\n');
  for (const line of lines.reverse()) {
    const error = parseErrorLine(line);
    if (error !== undefined) return error;
  }
  const last = lines[0] ?? '';
  const why = `starting it failed with exit code ${exitCode}${last === '' ? '' : `: ${last}`}`;
  return new WarrenError('daemon_unreachable', { socket, why });
}

function parseErrorLine(line: string): Error | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { error } = JSON.parse(line) as { error?: { code?: unknown; details?: unknown } };
    return rebuild(error?.code, error?.details, '');
  } catch {
    return undefined;
  }
}
