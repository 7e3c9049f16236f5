import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';

import { openProxy } from '../helpers/http-proxy.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren } from '../helpers/warren.ts';
import { makeCertificate, openWebServer } from '../helpers/web-server.ts';

const test = needs('userns', 'overlay', 'crun');

test('an image comes through a tunnel of the proxy that the user’s environment names', async () => {
  const place = mkdtempSync(join(homedir(), 'exported-'));
  using certificate = makeCertificate('DNS:images.test');
  let file = Buffer.alloc(0);
  const hash = (): string => createHash('sha256').update(file).digest('hex');
  await using server = await openWebServer(({ url }, response) => {
    if (url === '/file') response.end(file);
    else response.writeHead(200, { 'LXD-Image-Hash': hash(), 'LXD-Image-URL': '/file' }).end();
  }, certificate);
  await using proxy = await openProxy(Number(new URL(server.url).port));
  await using warren = openWarren();
  const env = { https_proxy: proxy.url, NODE_EXTRA_CA_CERTS: certificate.file };
  await warren.ok(['init', 'busybox', 'c1'], { env });
  await warren.ok(['image', 'export', 'busybox', join(place, 'box')]);
  await warren.ok(['image', 'delete', 'busybox']);
  file = readFileSync(join(place, readdirSync(place)[0] ?? ''));
  rmSync(place, { recursive: true });

  const stranger = await warren.run(['image', 'import', 'https://other.test/box']);
  expect(stranger.stderr).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  await warren.ok(['image', 'import', 'https://images.test/box', '--alias', 'mine']);
  expect(proxy.asked).toEqual([
    'CONNECT other.test:443',
    'CONNECT images.test:443',
    'CONNECT images.test:443',
  ]);
  await warren.ok(['launch', 'mine', 'm1']);
  expect(await warren.ok(['exec', 'm1', '--', 'hostname'])).toBe('m1\n');
});
