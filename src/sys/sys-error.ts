/**
 * A failed kernel call: the errno's name (`ENOENT`), the call (`openat2`) and what it was about.
 */
export class SysError extends Error {
  override readonly name = 'SysError';
  readonly code: string;
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(code: string, syscall: string, path?: string) {
    super(`${syscall}${path === undefined ? '' : ` ${path}`}: ${code}`);
    this.code = code;
    this.syscall = syscall;
    this.path = path;
  }
}

/** True for a `SysError` or a Node file-system error with that errno name. */
export function hasErrno(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  );
}
