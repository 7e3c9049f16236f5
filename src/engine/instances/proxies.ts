import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { visibleDevices } from '../../contract/config/expand.ts';
import { parseProxyAddress } from '../../contract/config/proxy-address.ts';
import type { ProxySpec } from '../../network/types.ts';

/** The published ports of an expanded, validated set of devices. */
export function planProxies(instance: string, devices: DeviceMap): ProxySpec[] {
  return Object.entries(visibleDevices(devices)).flatMap(([device, keys]) => {
    const proxy = keys['type'] === 'proxy' ? planProxy(instance, device, keys) : undefined;
    return proxy === undefined ? [] : [proxy];
  });
}

function planProxy(instance: string, device: string, keys: StringMap): ProxySpec | undefined {
  const listen = parseProxyAddress(keys['listen'] ?? '');
  const connect = parseProxyAddress(keys['connect'] ?? '');
  if (listen === undefined || connect === undefined) return undefined;
  const mode = keys['mode'] ?? '';
  return {
    instance,
    device,
    listen,
    connect,
    bind: keys['bind'] === 'instance' ? 'instance' : 'host',
    mode: mode === '' ? 0o644 : Number.parseInt(mode, 8),
  };
}
