import { plain } from './look.ts';

const levels: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/**
 * A line of pino for people: time, level, message, what else it says as `key=value`, and a stack
 * indented below it. Anything else as it is.
 */
export function formatLogLine(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return plain(line);
  }
  const { level, time, msg, err, pid: _pid, hostname: _host, ...rest } = record;
  if (typeof msg !== 'string') return plain(line);
  const at = typeof time === 'string' || typeof time === 'number' ? formatTime(time) : '';
  const name = levels[Number(level ?? 30)] ?? String(level);
  const more = Object.entries(rest).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  const lines = [`${at}${name.padEnd(5)} ${msg}${more.join('')}`, ...formatError(err)];
  return lines.map(plain).join('\n');
}

function formatTime(time: string | number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '' : `${date.toISOString()} `;
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function formatError(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return [];
  const { stack, message } = error as { readonly stack?: unknown; readonly message?: unknown };
  const text =
    typeof stack === 'string' ? stack : typeof message === 'string' ? message : undefined;
  return (text ?? JSON.stringify(error)).split('\n').map((line) => `    ${line.trimStart()}`);
}
