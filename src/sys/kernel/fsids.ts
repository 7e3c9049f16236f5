import { check, libc } from './libc.ts';
import { prctl } from './prctl.ts';

const setfsuid = libc.func('int setfsuid(unsigned int id)');
const setfsgid = libc.func('int setfsgid(unsigned int id)');

const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
const SECBIT_NO_SETUID_FIXUP = 4;

/**
 * Runs `use` with these ids as the calling thread's for files (man 2 setfsuid), and with its
 * capabilities, which a change of ids would take away (capabilities(7), SECBIT_NO_SETUID_FIXUP).
 * What `use` makes belongs to them. It must not wait: everything else on this thread would have
 * them too.
 */
export function withFsIds<T>(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  use: () => T,
): T {
  const bits = check(prctl(PR_GET_SECUREBITS, 0), 'prctl');
  const dumpable = prctl(PR_GET_DUMPABLE, 0);
  check(prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP), 'prctl');
  try {
    // Both answer the id from before, and never fail otherwise than by not changing it.
    const gidBefore = setfsgid(gid) as number;
    const uidBefore = setfsuid(uid) as number;
    try {
      return use();
    } finally {
      setfsuid(uidBefore);
      setfsgid(gidBefore);
      // It goes with a change of ids, for the whole process, and keeper and tools look into us.
      prctl(PR_SET_DUMPABLE, dumpable);
    }
  } finally {
    prctl(PR_SET_SECUREBITS, bits);
  }
}
