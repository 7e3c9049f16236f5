/**
 * Machine names are host names (RFC 1123 labels, as LXD wants them): 1–63 of letters, digits and
 * dashes, not beginning with a digit or dash and not ending with a dash.
 */
export function isInstanceName(name: string): boolean {
  return /^[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/.test(name);
}

/** Profiles, snapshots, networks, devices: 1–63 of letters, digits and `._-`, never `.` or `..`. */
export function isObjectName(name: string): boolean {
  return /^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,62}$/.test(name);
}

/** A whole image fingerprint: 64 lower-case hexadecimal digits (sha256). */
export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
