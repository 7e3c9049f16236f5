import type { KeeperRequest } from '../contract/keeper.ts';

/** Longest name of a descriptor; they go into every welcome. */
const maxNameLength = 256;

type Fields = Readonly<Record<string, unknown>>;

/**
 * The request a message is, with nothing in it that was not asked for; undefined when it is none.
 */
export function parseRequest(message: unknown): KeeperRequest | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const fields = message as Fields;
  const { id, type } = fields;
  if (!isCount(id)) return undefined;
  switch (type) {
    case 'hello':
      return isCount(fields['pid']) ? { id, type, pid: fields['pid'] } : undefined;
    case 'store':
      return parseStore(id, fields);
    case 'drop':
      return isName(fields['name']) ? { id, type, name: fields['name'] } : undefined;
    case 'forget-exits':
      return isCount(fields['sequence']) ? { id, type, sequence: fields['sequence'] } : undefined;
    case 'leaving':
      return typeof fields['again'] === 'boolean'
        ? { id, type, again: fields['again'] }
        : undefined;
    case 'ready':
    case 'shutdown':
      return { id, type };
    default:
      return undefined;
  }
}

function parseStore(id: number, { name, kind, fd }: Fields): KeeperRequest | undefined {
  if (!isName(name) || !isCount(fd) || (kind !== 'console' && kind !== 'plain')) return undefined;
  return { id, type: 'store', name, kind, fd };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxNameLength;
}
