import type { MachineAccounts } from '../types.ts';
import { readText } from './usage.ts';

/**
 * What the kernel keeps account of for a machine, by its cgroup; see cgroup-v2.rst of the kernel.
 * Of a controller that is not delegated nothing is there. Undefined when the cgroup is gone.
 */
export function readAccounts(directory: string): MachineAccounts | undefined {
  const cpu = readPairs(`${directory}/cpu.stat`);
  if (cpu === undefined) return undefined;
  return {
    cpu,
    memory: readPairs(`${directory}/memory.stat`),
    memoryEvents: readPairs(`${directory}/memory.events`),
    io: readIo(readText(`${directory}/io.stat`) ?? ''),
  };
}

/** Lines of `KEY NUMBER`. */
function readPairs(file: string): Readonly<Record<string, number>> | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  return Object.fromEntries(
    [...text.matchAll(/^(\w+) (\d+)$/gm)].map(([, key = '', value]) => [key, Number(value)]),
  );
}

/** Lines of `MAJOR:MINOR KEY=NUMBER …`; a device that did nothing yet has its numbers alone. */
function readIo(text: string): MachineAccounts['io'] {
  return Object.fromEntries(
    [...text.matchAll(/^(\d+:\d+)((?: \w+=\d+)+)$/gm)].map(([, device = '', fields = '']) => [
      device,
      Object.fromEntries(
        [...fields.matchAll(/(\w+)=(\d+)/g)].map(([, key = '', value]) => [key, Number(value)]),
      ),
    ]),
  );
}
