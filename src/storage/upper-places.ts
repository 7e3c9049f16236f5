import { hostPath, type HostPath } from '../base/brand.ts';

/** Where the writable directories of a machine lie below `dir`. */
export interface UpperPlaces {
  readonly home: (instanceId: number) => string;
  readonly upperPath: (instanceId: number) => HostPath;
  readonly workPath: (instanceId: number) => HostPath;
}

export function upperPlaces(dir: string): UpperPlaces {
  const home = (instanceId: number): string => {
    if (!Number.isSafeInteger(instanceId) || instanceId < 0) {
      throw new Error(`${instanceId} is no instance id`);
    }
    return `${dir}/${instanceId}`;
  };
  return {
    home,
    upperPath: (instanceId) => hostPath(`${home(instanceId)}/upper`),
    workPath: (instanceId) => hostPath(`${home(instanceId)}/work`),
  };
}
