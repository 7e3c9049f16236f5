import { parseArgs } from 'node:util';

import { nearestName } from '../base/text.ts';
import { refuseRealRoot } from '../client/real-root.ts';
import {
  doctorTopics,
  type DoctorCheck,
  type DoctorReport,
  type DoctorTopic,
} from '../contract/doctor.ts';
import { catalogue, WarrenError } from '../contract/errors.ts';
import { currentUser, userPaths, type Environment } from './account.ts';
import { checkCgroup } from './checks/cgroup.ts';
import { fatal, type Check, type CheckContext, type Finding } from './checks/check.ts';
import { checkCrun } from './checks/crun.ts';
import { checkFuse } from './checks/fuse.ts';
import { checkIdmap } from './checks/idmap.ts';
import { checkImages } from './checks/images.ts';
import { checkKernel } from './checks/kernel.ts';
import { checkLimits } from './checks/limits.ts';
import { checkLxcfs } from './checks/lxcfs.ts';
import { checkNetwork, checkTun } from './checks/network.ts';
import { checkOverlay } from './checks/overlay.ts';
import { checkPolicy } from './checks/policy.ts';
import { checkStorage } from './checks/storage.ts';
import { checkSubids } from './checks/subids.ts';
import { checkSystemd } from './checks/systemd.ts';
import { checkUserns } from './checks/userns.ts';
import { pathsInUse } from './home.ts';

const checks: Readonly<Record<DoctorTopic, Check>> = {
  kernel: checkKernel,
  userns: checkUserns,
  idmap: checkIdmap,
  subids: checkSubids,
  crun: checkCrun,
  overlay: checkOverlay,
  network: checkNetwork,
  tun: checkTun,
  images: checkImages,
  cgroup: checkCgroup,
  limits: checkLimits,
  lxcfs: checkLxcfs,
  fuse: checkFuse,
  storage: checkStorage,
  systemd: checkSystemd,
  policy: checkPolicy,
};

export interface DoctorInput {
  /** `[TOPIC] [--format json]`. */
  readonly args: readonly string[];
  readonly env: Environment;
  readonly print: (line: string) => void;
}

/** Prints what this host has and lacks; answers 0 when machines can run. */
export async function runDoctor({ args, env, print }: DoctorInput): Promise<number> {
  refuseRealRoot();
  const user = currentUser(env);
  const context = { env, user, paths: pathsInUse(userPaths(env, user)) };
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { format: { type: 'string' } },
    allowPositionals: true,
  });
  const report = await examine(context, positionals.map(parseTopic));
  if (values.format === 'json') print(JSON.stringify(report));
  else for (const check of report.checks) printCheck(check, print);
  return report.canRun ? 0 : catalogue.host_lacks.exit;
}

/** Runs the checks of `topics`, or all, at once. */
export async function examine(
  context: CheckContext,
  topics: readonly DoctorTopic[],
): Promise<DoctorReport> {
  const names = topics.length === 0 ? doctorTopics : topics;
  const results = await Promise.all(
    names.map(async (name): Promise<DoctorCheck> => ({ name, ...(await attempt(name, context)) })),
  );
  return {
    checks: results,
    canRun: results.every(({ level, vital }) => level === 'ok' || !vital),
  };
}

/** A check that fails itself is a finding too, and hides no other. */
async function attempt(name: DoctorTopic, context: CheckContext): Promise<Finding> {
  try {
    return await checks[name](context);
  } catch (error) {
    return fatal(
      `the check itself failed: ${error instanceof Error ? error.message : String(error)}`,
      'please report this as a bug of warren',
    );
  }
}

function parseTopic(word: string): DoctorTopic {
  const topic = doctorTopics.find((name) => name === word);
  if (topic !== undefined) return topic;
  const nearest = nearestName(word, doctorTopics);
  throw new WarrenError('not_found', { kind: 'doctor topic', name: word, nearest });
}

const marks = { ok: '✔', warning: '!', missing: '✘' } as const;

function printCheck({ level, summary, remedy }: DoctorCheck, print: (line: string) => void): void {
  print(`${marks[level]} ${summary}`);
  for (const line of remedy?.split('\n') ?? []) print(`    ${line}`);
}
