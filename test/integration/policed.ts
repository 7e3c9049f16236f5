import { afterAll, beforeAll } from 'vitest';
import { parse } from 'yaml';

import { parsePolicy } from '../../src/contract/policy/parse.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { PolicyState } from '../../src/contract/policy/policy.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

/**
 * A daemon with an image, whose administrator's rules a test writes; there from a file's first test
 * to its last.
 */
export class Policed {
  state: PolicyState = { kind: 'none' };
  daemon!: TestDaemon;
  api!: ApiClient;
  fingerprint!: string;

  constructor() {
    beforeAll(async () => {
      this.daemon = await openDaemon({ policy: () => this.state });
      this.api = new ApiClient(this.daemon.socket);
      this.fingerprint = (await this.importImage('base')).fingerprint;
    });
    afterAll(async () => {
      await this.daemon[Symbol.asyncDispose]();
    });
  }

  /** The administrator writes these rules. */
  rules(text: string): void {
    const parsed = parsePolicy(parse(text));
    if (!('policy' in parsed)) throw new Error(JSON.stringify(parsed.issues));
    this.state = { kind: 'applies', policy: parsed.policy };
  }

  /** The administrator takes all rules away. */
  lift(): void {
    this.state = { kind: 'none' };
  }

  async importImage(content: string): Promise<{ fingerprint: string }> {
    const sent = await this.api.send('POST', '/1.0/images', {
      body: content,
      headers: { 'content-type': 'application/octet-stream' },
    });
    if (sent.status !== 202) throw refusal(sent.json);
    return this.finish(sent.json.operation);
  }

  /** What an operation gives, or the refusal it ends with. */
  async finish<T>(operation: string | undefined): Promise<T> {
    const done = await this.api.get<{ metadata: T; err: string; status_code: number }>(
      `${operation ?? ''}/wait`,
    );
    if (done.status_code !== 200) throw new Error(done.err);
    return done.metadata;
  }

  async act(method: string, path: string, body?: object): Promise<unknown> {
    const { status, json } = await this.api.call(method, `/1.0/${path}`, body);
    if (status >= 400) throw refusal(json);
    return status === 202 ? await this.finish(json.operation) : undefined;
  }

  async create(name: string, more: object = {}): Promise<unknown> {
    const source = { type: 'image', fingerprint: this.fingerprint };
    return this.act('POST', 'instances', { name, source, ...more });
  }

  async start(name: string): Promise<unknown> {
    return this.act('PUT', `instances/${name}/state`, { action: 'start' });
  }

  async stop(name: string): Promise<unknown> {
    return this.act('PUT', `instances/${name}/state`, { action: 'stop', force: true });
  }

  async set(name: string, config: object, devices: object = {}): Promise<unknown> {
    return this.act('PATCH', `instances/${name}`, { config, devices });
  }

  async remove(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.act('DELETE', `instances/${name}`, {});
  }
}

export function refusal({ error }: { readonly error: string }): Error {
  return new Error(error);
}
