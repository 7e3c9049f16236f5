import { WarrenError } from '../../contract/errors.ts';

import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import type { Issue } from '../../contract/errors.ts';

/**
 * Reads the fields of a JSON object and collects every issue; `done()` throws them at once. Null
 * and absent are the same (`undefined`): Go clients send null for what they leave empty.
 */
export class Fields {
  readonly #what: string;
  readonly #path: string;
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #issues: Issue[];

  /**
   * Throws `invalid` at once for a body that is no object. `what` is such as `create the profile`.
   */
  constructor(what: string, body: unknown, path = '', issues: Issue[] = []) {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      const problem = `${describe(body)}, wanted an object`;
      throw new WarrenError('invalid', { what, issues: [{ path, problem }] });
    }
    this.#what = what;
    this.#path = path;
    this.#record = body as Readonly<Record<string, unknown>>;
    this.#issues = issues;
  }

  /** Whether the key is there with a value other than null. */
  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  string(key: string): string | undefined {
    return this.#expect(key, isString, 'a text');
  }

  /** As `string`, but absent and empty are an issue. */
  requiredString(key: string): string {
    const value = this.string(key);
    if (value === undefined || value === '') this.issue(key, 'is missing');
    return value ?? '';
  }

  boolean(key: string): boolean | undefined {
    return this.#expect(key, (value) => typeof value === 'boolean', 'true or false');
  }

  integer(key: string): number | undefined {
    return this.#expect(key, isInteger, 'a whole number');
  }

  /** Milliseconds since the epoch; null for Go's zero time, which means never. */
  time(key: string): number | null | undefined {
    const value = this.string(key);
    if (value === undefined || value === '') return undefined;
    const ms = Date.parse(value);
    if (Number.isNaN(ms)) {
      this.issue(key, `"${value}" is no time, wanted one such as 2030-01-31T12:00:00Z`);
      return undefined;
    }
    return ms <= 0 ? null : ms;
  }

  strings(key: string): readonly string[] | undefined {
    return this.#expect(key, isStrings, 'a list of texts');
  }

  /** Numbers and booleans become texts, as YAML files of configuration have them. */
  stringMap(key: string): StringMap | undefined {
    const value = this.#expect(key, isRecord, 'an object of texts');
    return value === undefined ? undefined : this.#texts(key, value);
  }

  /** Empty values of a device's keys are dropped: the stock client unsets a key so. */
  deviceMap(key: string): DeviceMap | undefined {
    const value = this.#expect(key, isRecord, 'an object of devices');
    if (value === undefined) return undefined;
    const devices: Record<string, StringMap> = {};
    for (const [name, device] of Object.entries(value)) {
      if (!isRecord(device)) {
        this.issue(`${key}.${name}`, `${describe(device)}, wanted an object of texts`);
        continue;
      }
      const texts = Object.entries(this.#texts(`${key}.${name}`, device));
      devices[name] = Object.fromEntries(texts.filter(([, text]) => text !== ''));
    }
    return devices;
  }

  object(key: string): Fields | undefined {
    const value = this.#expect(key, isRecord, 'an object');
    if (value === undefined) return undefined;
    return new Fields(this.#what, value, this.#join(key), this.#issues);
  }

  list(key: string): readonly Fields[] | undefined {
    return this.#expect(key, isRecords, 'a list of objects')?.map(
      (item, index) => new Fields(this.#what, item, this.#join(`${key}.${index}`), this.#issues),
    );
  }

  issue(key: string, problem: string): void {
    this.#issues.push({ path: this.#join(key), problem });
  }

  /** Throws `invalid` with every issue found so far. */
  done(): void {
    if (this.#issues.length > 0) {
      throw new WarrenError('invalid', { what: this.#what, issues: this.#issues });
    }
  }

  #get(key: string): unknown {
    const value = Object.hasOwn(this.#record, key) ? this.#record[key] : undefined;
    return value === null ? undefined : value;
  }

  #texts(key: string, record: Readonly<Record<string, unknown>>): StringMap {
    const texts: Record<string, string> = {};
    for (const [name, value] of Object.entries(record)) {
      if (typeof value === 'string') texts[name] = value;
      else if (typeof value === 'number' || typeof value === 'boolean') texts[name] = String(value);
      else if (value === null) texts[name] = '';
      else this.issue(`${key}.${name}`, `${describe(value)}, wanted a text`);
    }
    return texts;
  }

  #expect<T>(key: string, isIt: (value: unknown) => value is T, wanted: string): T | undefined {
    const value = this.#get(key);
    if (value === undefined || isIt(value)) return value;
    this.issue(key, `${describe(value)}, wanted ${wanted}`);
    return undefined;
  }

  #join(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isString);
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isRecords(value: unknown): value is readonly JsonObject[] {
  return Array.isArray(value) && value.every(isRecord);
}

function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === undefined) return 'there is nothing';
  const text = JSON.stringify(value);
  return `${text.length > 40 ? `${text.slice(0, 37)}...` : text} is there`;
}
