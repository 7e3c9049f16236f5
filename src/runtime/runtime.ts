import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';

import { isMachineName } from '../base/names.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import { WarrenError } from '../contract/errors.ts';
import type { Readiness } from '../sys/kernel/readiness.ts';
import { parseProcessStatus } from '../sys/proc/status.ts';
import { setAffinities } from './affinity.ts';
import { detectCgroups } from './cgroup/detect.ts';
import type { CgroupDriver } from './cgroup/driver.ts';
import { checkControllers, readHeld, writeLimits } from './cgroup/limits.ts';
import type { UserBus } from './cgroup/systemd.ts';
import { killTree, readProcesses, setFrozen } from './cgroup/tree.ts';
import { readAccounts } from './cgroup/accounts.ts';
import { readUsage } from './cgroup/usage.ts';
import { createMachine, ensureHostDir } from './create.ts';
import { ociProgram } from './crun.ts';
import { execWithPipes, execWithPty, type ExecContext } from './exec/exec.ts';
import { allProcesses } from './exec/inside.ts';
import { plugBinds, unplugBinds, type LiveMachine } from './graft.ts';
import { planViews, renewViews, viewFinder } from './lxcfs.ts';
import {
  factsOf,
  findOutsideId,
  outsideId,
  readFacts,
  rootOf,
  type MachineFacts,
} from './machine-facts.ts';
import { listenNotify } from './notify.ts';
import { buildExecProcess } from './oci/spec.ts';
import type { OciIdMapping } from './oci/types.ts';
import { bundlesDir, consolesDir, placesOf, type Places, type RuntimePaths } from './places.ts';
import { isAlive, kill, requestShutdown, watchExit } from './processes.ts';
import { findRoot } from './root.ts';
import { removeMachine } from './remove.ts';
import { refuseWithoutCgroup } from './systemd-guest.ts';
import type { ExecSession, ExecSpec, Runtime } from './types.ts';

export interface RuntimeDeps {
  readonly paths: RuntimePaths;
  readonly readiness: Readiness;
  /** Name or path of the OCI runtime: `crun`. */
  readonly program: string;
  /** From the daemon's own environment. */
  readonly bus: UserBus;
  /** U0's part of the cgroup hierarchy as the host sees it, where it has one of its own. */
  readonly cgroupDir?: string | undefined;
  readonly log: { warn(context: object, message: string): void };
  /** For tests; found by trying when absent. */
  readonly cgroup?: CgroupDriver;
}

const startTimeoutMs = 60_000;

/**
 * Must run in U0, as its root, with `paths.mountDir` on a file system that machines' ids can pass.
 */
export async function makeRuntime(deps: RuntimeDeps): Promise<Runtime> {
  const { paths, readiness, program, log } = deps;
  const part = deps.cgroupDir === undefined ? undefined : { directory: deps.cgroupDir, log };
  const cgroup = deps.cgroup ?? (await detectCgroups(deps.bus, part));
  const oci = ociProgram(program, paths.ociDir, cgroup);
  const facts = new Map<string, MachineFacts>();
  const findViews = viewFinder();
  const { cpus } = parseProcessStatus(readFileSync('/proc/self/status', 'utf8'));
  mkdirSync(paths.ociDir, { recursive: true, mode: 0o700 });
  for (const dir of ['run', 'binds', 'bundles']) {
    mkdirSync(`${paths.mountDir}/${dir}`, { recursive: true });
  }
  // Nobody listens on what a daemon that died left there.
  rmSync(consolesDir(paths.mountDir), { recursive: true, force: true });
  mkdirSync(consolesDir(paths.mountDir), { mode: 0o700 });

  const places = (name: string): Places => {
    // Names become path components and arguments; whoever let a bad one through has a bug.
    if (!isMachineName(name)) throw new Error(`not an instance name: ${JSON.stringify(name)}`);
    return placesOf(paths, name);
  };
  const factsFor = (name: string): MachineFacts => {
    let known = facts.get(name);
    if (known === undefined) facts.set(name, (known = readFacts(places(name).bundleDir, name)));
    return known;
  };
  const liveMachine = (name: string, init: ProcessIdentity): LiveMachine => {
    const owner = rootOf(factsFor(name));
    return { name, init, bindsDir: places(name).bindsDir, owner };
  };
  const remove = async (name: string): Promise<void> => {
    facts.delete(name);
    await removeMachine({ oci, cgroup, places: places(name) }, name);
  };
  const directoryFor = (name: string, action: string): string => {
    const directory = cgroup.findDirectory(name);
    if (directory !== undefined) return directory;
    if (cgroup.report.driver !== 'none') {
      const state = { name, action, state: 'stopped', wanted: 'running' };
      throw new WarrenError('wrong_state', state);
    }
    throw new WarrenError('unsupported', {
      what: `${action} ${name}`,
      why: `it has no cgroup (${cgroup.report.why})`,
      hint: 'warren doctor cgroup',
    });
  };

  return {
    cgroup: cgroup.report,
    cpus,
    checkLimits: (name, limits, keys) => {
      checkControllers(name, limits, keys, cgroup.report.controllers);
    },
    create: async (machine, { signal }) => {
      const { name } = machine;
      if (cgroup.report.driver === 'none') refuseWithoutCgroup(machine, cgroup.report.why);
      const own = places(name);
      const onCleanupFailure = (what: string, error: unknown): void => {
        log.warn({ err: error, instance: name }, `Cannot ${what}`);
      };
      const context = {
        ...{ oci, cgroup, places: own, onCleanupFailure },
        views: machine.nesting ? [] : ((await findViews())?.binds ?? []),
        remove: () => remove(name),
      };
      const { created, document } = await createMachine(context, machine, signal);
      facts.set(name, factsOf(document));
      return created;
    },
    start: async (name) => {
      places(name);
      await oci.run(`start ${name}`, ['start', name], startTimeoutMs);
    },
    attachMount: (name, init, bind) => plugBinds(liveMachine(name, init), [bind]),
    detachMount: (name, init, target) => unplugBinds(liveMachine(name, init), [target]),
    exec: (name, spec) => {
      const { bundleDir, consolesDir: consoles } = places(name);
      const known = factsFor(name);
      const candidates = (): readonly number[] => {
        const directory = cgroup.findDirectory(name);
        if (directory === undefined) return allProcesses();
        try {
          return readProcesses(directory);
        } catch (error) {
          // Who is killed is told by session and pipes: the machine's pids only make it quicker.
          log.warn({ err: error, instance: name }, 'Cannot read the processes of a cgroup');
          return allProcesses();
        }
      };
      return exec(
        {
          name,
          oci,
          readiness,
          bundleDir,
          consolesDir: consoles,
          candidates,
          own: cpus,
          cpus: spec.cpus,
        },
        known,
        spec,
      );
    },
    findRoot,
    isAlive,
    watchExit: (init, onExit) => watchExit(readiness, init, onExit),
    // eslint-disable-next-line @typescript-eslint/require-await -- errors are to reject
    listenNotify: async (name, onReady) => {
      const { hostDir, notifySocket } = places(name);
      ensureHostDir(hostDir);
      return listenNotify(notifySocket, readiness, onReady);
    },
    requestShutdown,
    // eslint-disable-next-line @typescript-eslint/require-await -- errors are to reject
    killAll: async (name, init) => {
      const directory = cgroup.findDirectory(name);
      if (directory !== undefined) killTree(directory);
      // Also when the cgroup was killed: a process may have been moved out of it by its manager.
      if (init !== undefined) kill(init);
    },
    freeze: async (name, timeoutMs) => {
      await setFrozen(name, directoryFor(name, 'freeze'), true, timeoutMs);
    },
    thaw: async (name) => {
      await setFrozen(name, directoryFor(name, 'thaw'), false, startTimeoutMs);
    },
    applyLimits: async (name, limits) => {
      const directory = directoryFor(name, 'set the limits of');
      await cgroup.announce?.(name, limits);
      writeLimits(name, directory, limits);
    },
    showCpus: (name, wanted) => {
      const directory = cgroup.findDirectory(name);
      if (directory !== undefined) setAffinities(directory, wanted);
    },
    hasOldViews: async (name, { pid }) => {
      if (factsFor(name).nesting) return false;
      const { stale, lacking } = planViews(pid, await findViews());
      return stale.length > 0 || lacking.length > 0;
    },
    renewViews: async (name, init) => {
      if (factsFor(name).nesting) return;
      await renewViews(liveMachine(name, init), await findViews());
    },
    usage: (name) => {
      const directory = cgroup.findDirectory(name);
      return Promise.resolve(directory === undefined ? undefined : readUsage(directory));
    },
    accounts: (name) => {
      const directory = cgroup.findDirectory(name);
      return directory === undefined ? undefined : readAccounts(directory);
    },
    heldLimits: (name) => {
      const directory = cgroup.findDirectory(name);
      return directory === undefined ? {} : readHeld(directory);
    },
    delete: remove,
    list: () => Promise.resolve(listNames(paths, cgroup)),
  };
}

async function exec(
  context: ExecContext,
  facts: MachineFacts,
  spec: ExecSpec,
): Promise<ExecSession> {
  const { name } = context;
  const { uidMappings, gidMappings } = facts;
  // The runtime itself would fail half-way, with an errno for an explanation.
  const foreign = [
    ...unmapped('user', uidMappings, [spec.uid]),
    ...unmapped('group', gidMappings, [spec.gid, ...spec.additionalGids]),
  ];
  if (foreign.length > 0) {
    const issues = foreign.map((id) => ({
      path: '',
      problem: `${id} is not among the ids of ${name}`,
    }));
    throw new WarrenError('invalid', { what: `run a command in ${name}`, issues });
  }
  const document = buildExecProcess(spec, facts);
  if (spec.terminal === undefined) {
    const uid = outsideId(uidMappings, spec.uid);
    const gid = outsideId(gidMappings, spec.gid);
    return execWithPipes(context, document, { uid, gid });
  }
  return execWithPty(context, document, spec.terminal);
}

function unmapped(kind: string, map: readonly OciIdMapping[], ids: readonly number[]): string[] {
  return ids.filter((id) => findOutsideId(map, id) === undefined).map((id) => `${kind} ${id}`);
}

/**
 * Whatever of a machine can be left: state, cgroup, bundle, or only the directories around them.
 */
function listNames({ ociDir, mountDir }: RuntimePaths, cgroup: CgroupDriver): string[] {
  const names = new Set(cgroup.list());
  for (const dir of [ociDir, bundlesDir(mountDir), `${mountDir}/run`, `${mountDir}/binds`]) {
    if (!existsSync(dir)) continue;
    for (const entry of readdirSync(dir)) if (isMachineName(entry)) names.add(entry);
  }
  return [...names].sort();
}
