import type { BridgeConfig, Networks } from '../../src/network/types.ts';

/** Bridges and interfaces that are only remembered. Each machine's first address is `.2` and up. */
export function fakeNetworks(): Networks {
  const nics = new Map<string, { readonly hwaddr: string; readonly address: string }>();
  let bridges: readonly BridgeConfig[] = [];
  return {
    report: { uplink: 'none', why: 'this is a test' },
    apply: (wanted) => {
      bridges = wanted;
      return Promise.resolve();
    },
    attach: (_pid, { instance, device, hwaddr, bridge }) => {
      const ipv4 = bridges.find(({ name }) => name === bridge)?.ipv4 ?? '10.0.0.1/24';
      const address = `${ipv4.split('.').slice(0, 3).join('.')}.${nics.size + 2}`;
      nics.set(`${instance}/${device}`, { hwaddr, address });
      return Promise.resolve({ hostName: `veth${nics.size}` });
    },
    detach: (instance, device) => {
      nics.delete(`${instance}/${device}`);
      return Promise.resolve();
    },
    prune: () => Promise.resolve(),
    leases: () =>
      Promise.resolve(
        [...nics].map(([key, { hwaddr, address }]) => ({
          hostname: key.split('/')[0] ?? '',
          hwaddr,
          address,
          type: 'dynamic' as const,
          location: 'none' as const,
        })),
      ),
    releaseLease: () => Promise.resolve(),
    addProxy: () => Promise.resolve(),
    removeProxy: () => Promise.resolve(),
    interfaces: () => Promise.resolve({}),
    bridge: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
}
