import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';

import type { AddressInfo } from 'node:net';

/** A server of images on 127.0.0.1, with one product `test/one` whose files the test decides. */
export interface StreamTestServer extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Offers an image as its newest version and returns its fingerprint. */
  publish(serial: string, metadata: Uint8Array, rootfs: Uint8Array): string;
  /** Changes what is answered for a path; undefined is 404. */
  answer(path: string, body: Uint8Array | string | undefined): void;
  /** Sends whoever asks for a path on to a URL. */
  redirect(path: string, to: string): void;
  close(): Promise<void>;
}

interface Item {
  readonly ftype: string;
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
  readonly combined_rootxz_sha256?: string;
}

export async function openStreamServer(): Promise<StreamTestServer> {
  const files = new Map<string, Uint8Array | string>();
  const redirects = new Map<string, string>();
  const versions: Record<string, { items: Record<string, Item> }> = {};
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? '').slice(1);
    asked.push(path);
    const to = redirects.get(path);
    if (to !== undefined) {
      response.writeHead(302, { Location: to }).end();
      return;
    }
    const body = files.get(path);
    response.writeHead(body === undefined ? 404 : 200);
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
  const products = 'streams/v1/images.json';
  const index = { datatype: 'image-downloads', path: products, products: ['test:1:amd64:default'] };
  files.set(
    'streams/v1/index.json',
    JSON.stringify({ format: 'index:1.0', index: { images: index } }),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    redirect(path, to) {
      redirects.set(path, to);
    },
    publish(serial, metadata, rootfs) {
      const sha256 = (...parts: Uint8Array[]): string => {
        const hash = createHash('sha256');
        for (const part of parts) hash.update(part);
        return hash.digest('hex');
      };
      const fingerprint = sha256(metadata, rootfs);
      const item = (ftype: string, body: Uint8Array, more: object = {}): Item => {
        const path = `images/${serial}/${ftype}`;
        files.set(path, body);
        return { ftype, path, sha256: sha256(body), size: body.length, ...more };
      };
      versions[serial] = {
        items: {
          lxd: item('lxd.tar.xz', metadata, { combined_rootxz_sha256: fingerprint }),
          root: item('root.tar.xz', rootfs),
        },
      };
      const product = {
        aliases: 'test/one,test/1',
        arch: 'amd64',
        os: 'Test',
        release: 'one',
        release_title: '1',
        variant: 'default',
        versions,
      };
      files.set(
        products,
        JSON.stringify({ format: 'products:1.0', products: { 'test:1:amd64:default': product } }),
      );
      return fingerprint;
    },
    answer(path, body) {
      if (body === undefined) files.delete(path);
      else files.set(path, body);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
