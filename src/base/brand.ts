declare const brand: unique symbol;

/** A value of type `T` that only a constructor of its own kind may produce. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A path as the daemon sees it. Never built from guest content. */
export type HostPath = Brand<string, 'HostPath'>;

/** A path as the machine sees it; resolved only by `storage/files`. */
export type GuestPath = Brand<string, 'GuestPath'>;

/**
 * A directory or file on the host side. The caller vouches that no guest controls a component of
 * it.
 */
export function hostPath(path: string): HostPath {
  return path as HostPath;
}

/** A path inside a machine. Made absolute; nothing else is promised about it. */
export function guestPath(path: string): GuestPath {
  return (path.startsWith('/') ? path : `/${path}`) as GuestPath;
}
