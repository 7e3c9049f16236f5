import type { Paths } from '../contract/paths.ts';

/**
 * Where the runtime keeps what belongs to one machine, all on the tmpfs of U0's mount namespace.
 */
export interface Places {
  /** Bound into the machine at /run/host, so its ids must be able to pass: 0755. */
  readonly hostDir: string;
  readonly notifySocket: string;
  /** `config.json`, documents and logs of `exec`; nothing a guest can reach: 0700. */
  readonly bundleDir: string;
  /** Of all machines: a machine's name may be longer than a socket's path lets it. 0700. */
  readonly consolesDir: string;
  /** Bind mounts of host directories that lie where the machine's ids could not pass. */
  readonly bindsDir: string;
  /** The OCI runtime's own record of the machine. */
  readonly stateDir: string;
}

export type RuntimePaths = Pick<Paths, 'ociDir' | 'mountDir'>;

/** `name` must be a valid instance name: it becomes a component of paths that are removed whole. */
export function placesOf({ ociDir, mountDir }: RuntimePaths, name: string): Places {
  const hostDir = `${mountDir}/run/${name}`;
  return {
    hostDir,
    notifySocket: `${hostDir}/notify`,
    bundleDir: `${bundlesDir(mountDir)}/${name}`,
    consolesDir: consolesDir(mountDir),
    bindsDir: `${mountDir}/binds/${name}`,
    stateDir: `${ociDir}/${name}`,
  };
}

export function bundlesDir(mountDir: string): string {
  return `${mountDir}/bundles`;
}

export function consolesDir(mountDir: string): string {
  return `${mountDir}/consoles`;
}
