/** LXD's canonical names by every name people and tools use, Debian's among them. */
const names: Readonly<Record<string, string>> = {
  i686: 'i686',
  i386: 'i686',
  i586: 'i686',
  x86_64: 'x86_64',
  amd64: 'x86_64',
  generic_64: 'x86_64',
  armv6l: 'armv6l',
  armv7l: 'armv7l',
  armhf: 'armv7l',
  armel: 'armv7l',
  aarch64: 'aarch64',
  arm64: 'aarch64',
  armv8l: 'armv8l',
  ppc: 'ppc',
  powerpc: 'ppc',
  ppc64: 'ppc64',
  ppc64le: 'ppc64le',
  ppc64el: 'ppc64le',
  s390x: 's390x',
  mips: 'mips',
  mips64: 'mips64',
  riscv32: 'riscv32',
  riscv64: 'riscv64',
  loongarch64: 'loongarch64',
  loong64: 'loongarch64',
};

const debianNames: Readonly<Record<string, string>> = {
  i686: 'i386',
  x86_64: 'amd64',
  armv7l: 'armhf',
  aarch64: 'arm64',
  ppc64le: 'ppc64el',
  s390x: 's390x',
  mips64: 'mips64el',
  riscv64: 'riscv64',
  loongarch64: 'loong64',
};

/** The canonical name, or undefined for one nobody knows. */
export function parseArchitecture(name: string): string | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined;
}

/** Debian's name of a canonical architecture, or undefined where Debian has none. */
export function debianArchitecture(canonical: string): string | undefined {
  return Object.hasOwn(debianNames, canonical) ? debianNames[canonical] : undefined;
}
