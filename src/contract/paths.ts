import { hostPath, type HostPath } from '../base/brand.ts';
import { WarrenError } from './errors.ts';

/** Where everything of one user lies. Every process derives the same from its environment. */
export interface Paths {
  /** Database, layers, images, logs. 0700. */
  readonly dataDir: HostPath;
  /** Sockets, locks, pid files. 0700, and its path short enough for a socket address. */
  readonly runtimeDir: HostPath;
  /** The API. */
  readonly socket: HostPath;
  readonly database: HostPath;
  readonly keeperSocket: HostPath;
  readonly keeperPid: HostPath;
  readonly keeperLock: HostPath;
  /**
   * `KeeperHome`, and the lock of these data: there is one keeper, whatever its runtime directory
   * is.
   */
  readonly dataLock: HostPath;
  /** Taken by whoever starts the keeper, for as long as that takes. */
  readonly startLock: HostPath;
  /** `U0Record`: how a later keeper finds its way back into U0. */
  readonly u0Record: HostPath;
  /** `DaemonRecord`: the daemon that a keeper started last. */
  readonly daemonRecord: HostPath;
  readonly exitJournal: HostPath;
  /** State of the OCI runtime. */
  readonly ociDir: HostPath;
  readonly layersDir: HostPath;
  /** Uppers and console logs, one directory per machine id. */
  readonly instancesDir: HostPath;
  /** Custom storage volumes, one directory each. */
  readonly volumesDir: HostPath;
  readonly imagesDir: HostPath;
  readonly logDir: HostPath;
  readonly daemonLog: HostPath;
  readonly keeperLog: HostPath;
  /**
   * A tmpfs that exists only in U0's mount namespace. Whatever a machine's own ids must reach lies
   * below it, since they cannot pass a 0700 home: `roots/ID`, `run/NAME`, `binds/NAME`, `net`.
   */
  readonly mountDir: HostPath;
}

/**
 * What `resolvePaths` looks at. `runUserDir` is `/run/user/UID` when it exists and is the user's.
 */
export interface PathsInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly runUserDir: string | undefined;
}

/**
 * `$WARREN_DIR` holds everything when set (so that `LXD_DIR` can point there). Otherwise data lie
 * in `$XDG_DATA_HOME/warren` and runtime files in `$XDG_RUNTIME_DIR/warren`; without that variable
 * in `/run/user/UID/warren` when it exists, else in `run` below the data. Throws `invalid` for a
 * relative `$WARREN_DIR`, which would be other machines in each directory.
 */
export function resolvePaths({ env, home, runUserDir }: PathsInput): Paths {
  const own = ownDirectory(env['WARREN_DIR']);
  const dataDir = own ?? `${absolute(env['XDG_DATA_HOME']) ?? `${home}/.local/share`}/warren`;
  const runtimeBase = absolute(env['XDG_RUNTIME_DIR']) ?? runUserDir;
  const runtimeDir =
    own ?? (runtimeBase === undefined ? `${dataDir}/run` : `${runtimeBase}/warren`);
  return pathsIn(dataDir, runtimeDir);
}

/** The layout below the two directories, for processes that are told them. */
export function pathsIn(dataDir: string, runtimeDir: string): Paths {
  return {
    dataDir: hostPath(dataDir),
    runtimeDir: hostPath(runtimeDir),
    socket: hostPath(`${runtimeDir}/unix.socket`),
    database: hostPath(`${dataDir}/warren.db`),
    keeperSocket: hostPath(`${runtimeDir}/keeper.socket`),
    keeperPid: hostPath(`${runtimeDir}/keeper.pid`),
    keeperLock: hostPath(`${runtimeDir}/keeper.lock`),
    dataLock: hostPath(`${dataDir}/keeper.lock`),
    startLock: hostPath(`${dataDir}/start.lock`),
    u0Record: hostPath(`${runtimeDir}/u0.json`),
    daemonRecord: hostPath(`${runtimeDir}/daemon.json`),
    exitJournal: hostPath(`${dataDir}/exits.jsonl`),
    ociDir: hostPath(`${runtimeDir}/oci`),
    layersDir: hostPath(`${dataDir}/layers`),
    instancesDir: hostPath(`${dataDir}/instances`),
    volumesDir: hostPath(`${dataDir}/volumes`),
    imagesDir: hostPath(`${dataDir}/images`),
    logDir: hostPath(`${dataDir}/logs`),
    daemonLog: hostPath(`${dataDir}/logs/daemon.log`),
    keeperLog: hostPath(`${dataDir}/logs/keeper.log`),
    mountDir: hostPath('/mnt'),
  };
}

function ownDirectory(path = ''): string | undefined {
  if (path === '' || path.startsWith('/')) return absolute(path);
  throw new WarrenError('invalid', {
    what: `use ${JSON.stringify(path)}`,
    issues: [{ path: 'WARREN_DIR', problem: 'is relative, wanted a path from the root' }],
    hint: 'export WARREN_DIR=/a/directory/of/your/own',
  });
}

/** XDG wants relative values ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') === true ? path.replace(/(?<=.)\/+$/, '') : undefined;
}
