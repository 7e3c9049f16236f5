import { WarrenError } from '../../contract/errors.ts';
import { hasErrno, SysError } from '../../sys/sys-error.ts';

/** Where an operation on a machine's file stands, for its error sentence. */
export interface FileContext {
  /** `read /etc/hosts`. */
  readonly what: string;
  /** The guest path as text. */
  readonly path: string;
  /** The file system's place on the host, for `no_space`. */
  readonly place: string;
}

/**
 * The sentence for what the kernel answered about a guest's file. What is not foreseen stays as it
 * is.
 */
export function fileError(error: unknown, { what, path, place }: FileContext): unknown {
  const options = { cause: error };
  const invalid = (problem: string): WarrenError =>
    new WarrenError('invalid', { what, issues: [{ path: 'path', problem }] }, options);
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new WarrenError('not_found', { kind: 'file', name: path }, options);
    case 'EEXIST':
      return new WarrenError('exists', { kind: 'file', name: path }, options);
    case 'EISDIR':
      return invalid(`"${path}" is a directory, wanted a file`);
    case 'ENOTEMPTY':
      return new WarrenError(
        'wrong_state',
        { name: path, action: 'remove', state: 'a directory with files', wanted: 'an empty one' },
        options,
      );
    case 'EBUSY':
      return invalid('something is mounted there');
    case 'ENAMETOOLONG':
      return invalid('a name in it is too long, wanted at most 255 bytes');
    case 'EINVAL':
      return invalid('it cannot be a path');
    case 'ELOOP':
    case 'EXDEV':
      return new WarrenError(
        'hostile',
        { what, found: 'its links lead in a circle, outside, or into a path that may have none' },
        options,
      );
    case 'EAGAIN':
      return new WarrenError(
        'hostile',
        { what, found: 'its directories are moved about without end' },
        options,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new WarrenError('no_space', { what, where: place }, options);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new WarrenError('forbidden', { what, why: 'the file system refuses it' }, options);
    case undefined:
    default:
      return error;
  }
}

/** `no_space` for ENOSPC and EDQUOT from anywhere in storage; anything else as it is. */
export function spaceError(error: unknown, what: string, place: string): unknown {
  return hasErrno(error, 'ENOSPC', 'EDQUOT')
    ? new WarrenError('no_space', { what, where: place }, { cause: error })
    : error;
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof SysError) return error.code;
  return error instanceof Error && 'syscall' in error && 'code' in error
    ? String(error.code)
    : undefined;
}
