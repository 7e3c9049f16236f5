import { hostPath, type HostPath } from '../base/brand.ts';
import type { Paths } from '../contract/paths.ts';

/** Files of the network layer. */
export interface Places {
  /** Bind mount that keeps the switch's network namespace. */
  readonly netnsFile: HostPath;
  /** dnsmasq's reservations per bridge. 0700. */
  readonly runDir: HostPath;
  /**
   * Leases per bridge: they outlive a restart of the host, so that machines keep their addresses.
   */
  readonly leaseDir: HostPath;
  readonly logDir: HostPath;
}

export function networkPlaces(paths: Paths): Places {
  return {
    netnsFile: hostPath(`${paths.mountDir}/net/switch`),
    runDir: hostPath(`${paths.runtimeDir}/net`),
    leaseDir: hostPath(`${paths.dataDir}/networks`),
    logDir: paths.logDir,
  };
}
