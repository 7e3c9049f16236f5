import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { ImageLog } from '../deps.ts';
import { proxyVariable } from '../download/proxy.ts';
import { planMirror } from '../recipes/mirror.ts';
import { variants, type Variant } from '../recipes/packages.ts';
import type { Suite } from '../recipes/suites.ts';
import { childFailure, throwIfCancelled } from '../sandbox/failure.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { sandboxTree, type SandboxMount } from '../sandbox/spec.ts';
import { hostPath } from '../../base/brand.ts';
import { realpath } from 'node:fs/promises';
import type { SliceIds } from '../slice.ts';
import type { WorkContext } from '../types.ts';
import { readHostSettings, readHostSources } from './host-apt.ts';
import { BuildProgress } from './progress.ts';

export interface DebianInput {
  readonly suite: Suite;
  readonly variant: Variant;
  readonly target: HostPath;
  readonly slice: SliceIds;
  readonly debianArchitecture: string;
}

export interface InstallDeps {
  readonly sandbox: Sandbox;
  readonly log: ImageLog;
}

const hooks = '/usr/share/mmdebstrap/hooks';

/** Installs the packages of a variant into an empty directory, as root of the slice. */
export async function installDebian(
  { sandbox, log }: InstallDeps,
  { suite, variant, target, slice, debianArchitecture }: DebianInput,
  { signal, progress }: WorkContext,
): Promise<{ readonly guestSettings: readonly string[] }> {
  const what = `build ${suite.distribution} ${suite.release ?? suite.codename}`;
  const mirror = planMirror(suite, await readHostSources());
  await requireFile('/usr/bin/mmdebstrap', what, 'mmdebstrap');
  if (suite.distribution === 'debian') {
    await requireFile(mirror.keyring, what, 'debian-archive-keyring');
  } else {
    const note =
      '    (Debian 12 lacks it and takes that of packages.debian.org/trixie/ubuntu-keyring)';
    await requireFile(mirror.keyring, what, 'ubuntu-keyring', note);
  }
  const { host, guest } = await readHostSettings();

  const packages = variants[variant].packages(suite);
  const include = [...packages, ...(suite.merge === 'package' ? ['usr-is-merged'] : [])];
  const command = [
    'mmdebstrap',
    '--mode=root',
    '--verbose',
    '--variant=apt',
    '--format=directory',
    `--architectures=${debianArchitecture}`,
    `--keyring=${mirror.keyring}`,
    `--include=${include.join(',')}`,
    ...host.map((line) => `--aptopt=${line}`),
    ...mergeHooks(suite),
    suite.codename,
    sandboxTree,
    ...mirror.lines,
  ];
  const reporter = new BuildProgress();
  let errors = '';
  const onLine = (line: string) => {
    if (/^E: |^Err:|^W: .*(failed|Failed)/.test(line)) errors = `${errors}${line}\n`.slice(-2000);
    const report = reporter.line(line);
    if (report !== undefined) progress(report);
  };
  const child = await sandbox.start(
    {
      kind: 'build',
      command,
      ids: slice,
      mounts: await buildMounts(target),
      env: buildEnvironment(),
    },
    { stdin: 'ignore', signal, onErrorLine: onLine },
  );
  createInterface({ input: child.stdout }).on('line', onLine);
  const end = await child.ended;
  throwIfCancelled(signal, what);
  if (end.exitCode !== 0) {
    log.warn({ output: end.errorText, command }, 'mmdebstrap failed');
    const errorText = errors === '' ? end.errorText : errors;
    throw childFailure({ ...end, errorText }, { what, program: 'mmdebstrap', where: target });
  }
  return { guestSettings: guest };
}

function mergeHooks({ merge }: Suite): string[] {
  switch (merge) {
    case 'package':
      return [`--hook-dir=${hooks}/merged-usr`];
    case 'links':
      return [`--setup-hook=${hooks}/merged-usr/setup00.sh`];
    case 'native':
      return [];
  }
}

/** The host's configuration to read, and the file its resolv.conf leads to. */
async function buildMounts(target: HostPath): Promise<SandboxMount[]> {
  const mounts: SandboxMount[] = [
    { source: hostPath('/etc'), destination: '/etc', readonly: true },
    { source: target, destination: sandboxTree, readonly: false },
  ];
  const resolver = await realpath('/etc/resolv.conf').catch(() => '/etc/resolv.conf');
  if (resolver.startsWith('/run/')) {
    mounts.push({ source: hostPath(resolver), destination: resolver, readonly: true });
  }
  return mounts;
}

/** Proxies are the one thing that may come from the daemon's own environment. */
function buildEnvironment(): Record<string, string> {
  const passed = (['http_proxy', 'https_proxy', 'no_proxy'] as const).flatMap((name) => {
    const value = proxyVariable(process.env, name);
    return value === '' ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), TMPDIR: '/tmp', HOME: '/root' };
}

async function requireFile(
  path: string,
  what: string,
  debianPackage: string,
  note = '',
): Promise<void> {
  try {
    await access(path);
  } catch (cause) {
    const details = {
      what,
      found: `${path} does not exist`,
      wanted: `the package ${debianPackage}`,
      hint: `sudo apt install ${debianPackage}${note}`,
    };
    throw new WarrenError('host_lacks', details, { cause });
  }
}
