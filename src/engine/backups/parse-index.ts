import { isObjectName } from '../../base/names.ts';
import { hasControlCharacter } from '../../base/text.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { maxIndexBytes } from '../../image/backup/read.ts';
import { parseHostileYaml, type YamlMap } from '../../image/hostile-yaml.ts';

/** What a backup says of the machine or of one of its snapshots. */
export interface BackedUp {
  readonly name: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly profiles: readonly string[];
  readonly ephemeral: boolean;
  readonly createdAtMs: number | undefined;
}

export interface BackupIndex extends BackedUp {
  readonly description: string;
  readonly architecture: string;
  readonly snapshots: readonly (BackedUp & { readonly expiresAtMs: number | undefined })[];
}

const what = 'import the backup';
/** Words and marks: some two hundred for each snapshot. */
const maxTokens = 60_000;
const maxItems = 1000;
const maxTextLength = 64 * 1024;

/** What a backup says of a custom storage volume. */
export interface VolumeIndex {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly snapshots: readonly {
    readonly name: string;
    readonly description: string;
    readonly config: StringMap;
    readonly createdAtMs: number | undefined;
    readonly expiresAtMs: number | undefined;
  }[];
}

/**
 * Reads `index.yaml` of LXD, Incus and warren. Only what warren uses is looked at, and that
 * strictly: throws `invalid` with everything that is wrong with it.
 */
export function parseBackupIndex(content: Buffer): BackupIndex {
  return parse(content, (reader, root) => reader.index(root));
}

/** The same for the backup of a custom volume. */
export function parseVolumeIndex(content: Buffer): VolumeIndex {
  return parse(content, (reader, root) => reader.volumeIndex(root));
}

function parse<T>(content: Buffer, read: (reader: Reader, root: YamlMap) => T): T {
  const issues: Issue[] = [];
  const report = (path: string, problem: string): void => {
    if (issues.length < 50) issues.push({ path: `index.yaml${path}`, problem });
  };
  const root = parseHostileYaml(content, { maxBytes: maxIndexBytes, maxTokens }, report);
  const index = root === undefined ? undefined : read(new Reader(report), root);
  if (index === undefined || issues.length > 0) throw new WarrenError('invalid', { what, issues });
  return index;
}

class Reader {
  readonly #report: (path: string, problem: string) => void;

  constructor(report: (path: string, problem: string) => void) {
    this.#report = report;
  }

  index(root: YamlMap): BackupIndex {
    const type = root.get('type') ?? 'container';
    if (type !== 'container') this.#report('.type', 'warren has containers only');
    this.#checkFormat(root);
    const config = this.#map(root.get('config'), '.config');
    const key = config.has('container') ? 'container' : 'instance';
    const machine = this.#map(config.get(key), `.config.${key}`);
    const at = `.config.${key}`;
    const snapshots = this.#list(config.get('snapshots'), '.config.snapshots').map((item, index) =>
      this.#snapshot(this.#map(item, `.config.snapshots[${index}]`), index),
    );
    this.#checkNames(
      snapshots.map(({ name }) => name),
      this.#list(root.get('snapshots'), '.snapshots'),
    );
    return {
      ...this.#backedUp(machine, at),
      name: this.#text(root.get('name'), '.name'),
      description: this.#text(machine.get('description') ?? '', `${at}.description`),
      architecture: this.#text(machine.get('architecture') ?? '', `${at}.architecture`),
      snapshots,
    };
  }

  volumeIndex(root: YamlMap): VolumeIndex {
    if (root.get('type') !== 'custom')
      this.#report('.type', 'it is no storage volume, wanted custom');
    this.#checkFormat(root);
    const config = this.#map(root.get('config'), '.config');
    const snapshots = this.#list(config.get('volume_snapshots'), '.config.volume_snapshots').map(
      (item, index) => {
        const at = `.config.volume_snapshots[${index}]`;
        const map = this.#map(item, at);
        const name = this.#snapshotName(map, at);
        const [createdAtMs, expiresAtMs] = [
          this.#time(map.get('created_at'), `${at}.created_at`),
          this.#time(map.get('expires_at'), `${at}.expires_at`),
        ];
        return { ...this.#described(map, at), name, createdAtMs, expiresAtMs };
      },
    );
    this.#checkNames(
      snapshots.map(({ name }) => name),
      this.#list(root.get('snapshots'), '.snapshots'),
    );
    const volume = this.#map(config.get('volume'), '.config.volume');
    const content = volume.get('content_type') ?? 'filesystem';
    if (content !== 'filesystem') {
      this.#report('.config.volume.content_type', 'it is for virtual machines');
    }
    return {
      ...this.#described(volume, '.config.volume'),
      name: this.#text(root.get('name'), '.name'),
      snapshots,
    };
  }

  #described(map: YamlMap, at: string): Pick<VolumeIndex, 'description' | 'config'> {
    const config = Object.entries(this.#texts(map.get('config'), `${at}.config`));
    return {
      description: this.#text(map.get('description') ?? '', `${at}.description`),
      // What is true of the host it was made on does not go over.
      config: Object.fromEntries(config.filter(([key]) => !key.startsWith('volatile.'))),
    };
  }

  #checkFormat(root: YamlMap): void {
    if (root.get('optimized') === true) {
      this.#report('.optimized', 'its files are in the format of one storage driver');
    }
  }

  #snapshotName(map: YamlMap, at: string): string {
    // Older ones write INSTANCE/SNAPSHOT.
    const name = this.#text(map.get('name'), `${at}.name`).replace(/^[^/]*\//, '');
    if (!isObjectName(name)) {
      this.#report(`${at}.name`, `${JSON.stringify(name.slice(0, 80))} is no name of a snapshot`);
    }
    return name;
  }

  #snapshot(map: YamlMap, index: number): BackupIndex['snapshots'][number] {
    const at = `.config.snapshots[${index}]`;
    const name = this.#snapshotName(map, at);
    const expiresAtMs = this.#time(map.get('expires_at'), `${at}.expires_at`);
    return { ...this.#backedUp(map, at), name, expiresAtMs };
  }

  #backedUp(map: YamlMap, at: string): Omit<BackedUp, 'name'> & { readonly name: string } {
    const devices = this.#entries(map.get('devices'), `${at}.devices`).map(
      ([name, device]) => [name, inOurPool(this.#texts(device, `${at}.devices.${name}`))] as const,
    );
    const ephemeral = map.get('ephemeral') ?? false;
    if (typeof ephemeral !== 'boolean') this.#report(`${at}.ephemeral`, 'wanted true or false');
    return {
      name: '',
      config: this.#texts(map.get('config'), `${at}.config`),
      devices: Object.fromEntries(devices),
      profiles: this.#list(map.get('profiles'), `${at}.profiles`).map((item, index) =>
        this.#text(item, `${at}.profiles[${index}]`),
      ),
      ephemeral: ephemeral === true,
      createdAtMs: this.#time(map.get('created_at'), `${at}.created_at`),
    };
  }

  /** The list of names and the list of configurations must be about the same snapshots. */
  #checkNames(names: readonly string[], listed: readonly unknown[]): void {
    if (new Set(names).size !== names.length) {
      this.#report('.config.snapshots', 'a name is there twice');
    }
    const wanted = new Set(listed);
    if (wanted.size !== names.length || names.some((name) => !wanted.has(name))) {
      this.#report('.snapshots', 'they are not those of config.snapshots');
    }
  }

  #map(value: unknown, at: string): YamlMap {
    if (value instanceof Map) return value;
    this.#report(at, 'it is no mapping');
    return new Map();
  }

  #list(value: unknown, at: string): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value) && value.length <= maxItems) return value;
    this.#report(at, `wanted a list of at most ${maxItems}`);
    return [];
  }

  #entries(value: unknown, at: string): [string, unknown][] {
    if (value === undefined || value === null) return [];
    const entries: [string, unknown][] = [];
    const map = this.#map(value, at);
    if (map.size > maxItems) {
      this.#report(at, `it has more than ${maxItems} entries`);
      return [];
    }
    for (const [key, item] of map) {
      if (isKey(key)) entries.push([key, item]);
      else this.#report(at, 'a key is no usable text');
    }
    return entries;
  }

  #texts(value: unknown, at: string): StringMap {
    return Object.fromEntries(
      this.#entries(value, at).map(([key, item]) => [key, this.#text(item, `${at}.${key}`)]),
    );
  }

  #text(value: unknown, at: string): string {
    const isScalar = ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
    if (isScalar && String(value).length <= maxTextLength) return String(value);
    this.#report(at, isScalar ? 'it is longer than 64 KiB' : 'wanted a text');
    return '';
  }

  /** Milliseconds since 1970; undefined for Go's zero time. */
  #time(value: unknown, at: string): number | undefined {
    if (value === undefined || value === null) return undefined;
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms)) this.#report(at, 'it is no time');
    return ms > 0 ? ms : undefined;
  }
}

/** There is one pool here, whatever it was called there. */
function inOurPool(device: StringMap): StringMap {
  const isRoot = device['type'] === 'disk' && device['path'] === '/';
  return isRoot && device['pool'] !== undefined ? { ...device, pool: 'default' } : device;
}

function isKey(key: unknown): key is string {
  return (
    typeof key === 'string' &&
    key.length > 0 &&
    key.length <= 255 &&
    key !== '__proto__' &&
    !hasControlCharacter(key)
  );
}
