import { pathsIn } from '../../../../src/contract/paths.ts';
import { openRootOf } from '../../../../src/engine/instances/root-of.ts';
import { makeNetworks } from '../../../../src/network/networks.ts';
import type { BridgeConfig, NicSpec } from '../../../../src/network/types.ts';

/**
 * A process that sets up a network as a daemon does, says `done`, and then waits to be killed. What
 * to set up comes as JSON in the one argument.
 */
const { dir, bridge, machines } = JSON.parse(process.argv[2] ?? '') as {
  dir: string;
  bridge: BridgeConfig;
  machines: { pid: number; nic: NicSpec }[];
};
const networks = makeNetworks({
  paths: { ...pathsIn(`${dir}/data`, `${dir}/run`), mountDir: `${dir}/mnt` as never },
  openFiles: openRootOf,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined } as never,
});
await networks.apply([bridge]);
for (const { pid, nic } of machines) await networks.attach(pid, nic);
process.stdout.write('done\n');
setInterval(() => undefined, 1000);
