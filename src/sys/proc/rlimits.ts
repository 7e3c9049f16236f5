import { readFileSync } from 'node:fs';

/** Resource limits by the names of setrlimit(2) in lower case; `Infinity` is unlimited. */
export type Rlimits = Readonly<
  Record<string, { readonly soft: number; readonly hard: number } | undefined>
>;

const names: Readonly<Record<string, string>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

/** /proc/PID/limits (`man 5 proc_pid_limits`). Throws as reading it does: ENOENT, ESRCH. */
export function readRlimits(pid: number | 'self'): Rlimits {
  return parseRlimits(readFileSync(`/proc/${pid}/limits`, 'utf8'));
}

/** Lines of a name, two values and a unit. */
function parseRlimits(text: string): Rlimits {
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const [, title = '', soft, hard] = /^(\S.*?) {2,}(\S+) +(\S+)/.exec(line) ?? [];
      const name = names[title];
      if (name === undefined || soft === undefined || hard === undefined) return [];
      return [[name, { soft: toNumber(soft), hard: toNumber(hard) }]];
    }),
  );
}

function toNumber(text: string): number {
  return text === 'unlimited' ? Infinity : Number(text);
}
