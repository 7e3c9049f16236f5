import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { parseDocument } from 'yaml';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { makeCertificate, openWebServer } from '../helpers/web-server.ts';
import { openStreamServer, type StreamTestServer } from '../helpers/stream-server.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc and images of a server', () => {
  let lxc: StockClient;
  let server: StreamTestServer;

  beforeAll(async () => {
    lxc = await openStockClient();
    server = await openStreamServer();
    const config = join(lxc.env['LXD_CONF'] ?? '', 'config.yml');
    const document = parseDocument(readFileSync(config, 'utf8'));
    const remote = { addr: server.url, protocol: 'simplestreams', public: true };
    document.setIn(['remotes', 'test'], remote);
    writeFileSync(config, document.toString());
    await lxc.well('init busybox c1');
    await lxc.well(`image export busybox ${lxc.place}/box`);
    await lxc.well('image delete busybox');
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await lxc[Symbol.asyncDispose]();
  });

  /** The two files of a split image made of what was exported, with a template of its own. */
  const makeImage = (serial: string): [metadata: Buffer, rootfs: Buffer] => {
    const dir = join(lxc.place, serial);
    mkdirSync(join(dir, 'templates'), { recursive: true });
    const exported = readdirSync(lxc.place).find((name) => name.startsWith('box.')) ?? '';
    execFileSync('tar', ['-xf', join(lxc.place, exported), '-C', dir]);
    const metadata = parseDocument(readFileSync(join(dir, 'metadata.yaml'), 'utf8'));
    const template = { when: ['create', 'copy'], template: 'motd.tpl', properties: { serial } };
    metadata.setIn(['templates'], { '/etc/motd': template });
    writeFileSync(join(dir, 'metadata.yaml'), metadata.toString());
    writeFileSync(
      join(dir, 'templates/motd.tpl'),
      '{{ container.name }} of {{ properties.serial }}{% if config_get("user.a", "") %} a{% endif %}\n',
    );
    const pack = (name: string, ...words: string[]): Buffer => {
      const file = join(lxc.place, `${serial}-${name}`);
      execFileSync('tar', ['-cJf', file, '--owner=0', '--group=0', '--numeric-owner', ...words]);
      return readFileSync(file);
    };
    return [
      pack('lxd.tar.xz', '-C', dir, 'metadata.yaml', 'templates'),
      pack('root.tar.xz', '-C', join(dir, 'rootfs'), '.'),
    ];
  };

  test('image copy and launch fetch what it has, and refresh what it has by then', async () => {
    const first = server.publish('20240101_0524', ...makeImage('20240101_0524'));
    expect(await lxc.well('image list test: -f csv')).toContain(first.slice(0, 12));
    await lxc.well('image copy test:test/one local: --alias mine --auto-update --public');
    const shown = await lxc.well('image show mine');
    expect(shown).toMatch(/^auto_update: true$/m);
    expect(shown).toMatch(/^public: true$/m);
    expect(shown).toContain('serial: "20240101_0524"');
    expect(await lxc.well('image info mine')).toMatch(
      new RegExp(`Fingerprint: ${first}[^]*Server: ${server.url}[^]*Protocol: simplestreams`),
    );
    await lxc.well('launch test:test/one m1 -c user.a=1');
    expect(await lxc.well('exec m1 -- cat /etc/motd')).toBe('m1 of 20240101_0524 a');
    await lxc.well('init mine m2');
    const second = server.publish('20240202_0524', ...makeImage('20240202_0524'));
    await lxc.well('image refresh mine');
    expect(await lxc.well('image info mine')).toContain(second);
    await lxc.badly(`image info ${first}`, /Error: /);
    await lxc.badly('image copy test:nothing local:', /Error: .*nothing/);
    await lxc.badly('launch test:nothing m3', /Error: .*nothing/);
    await lxc.badly('info m3', /Error: .*m3/);
    server.answer('images/20240202_0524/root.tar.xz', 'something else');
    await lxc.well('image delete mine');
    await lxc.badly('launch test:test/one m3', /Error: .*announced/);
    await lxc.badly('info m3', /Error: .*m3/);
    await lxc.well('delete -f m1 m2');
  });
});

describe('lxc image import of a URL', () => {
  test('fetches what the server says, checks it, and keeps nothing else', async () => {
    using certificate = makeCertificate();
    await using lxc = await openStockClient({ NODE_EXTRA_CA_CERTS: certificate.file });
    await lxc.well('init busybox c1');
    await lxc.well(`image export busybox ${lxc.place}/box`);
    await lxc.well('image delete busybox');
    const exported = readdirSync(lxc.place).find((name) => name.startsWith('box.')) ?? '';
    const file = readFileSync(join(lxc.place, exported));
    const hash = createHash('sha256').update(file).digest('hex');
    let sent: Uint8Array = file;
    await using plain = await openWebServer((_, response) => response.end(file));
    const places: Readonly<Record<string, string>> = { '/box': '/file', '/bare': `${plain.url}/` };
    await using server = await openWebServer(({ url = '' }, response) => {
      const place = places[url];
      const headers = { 'LXD-Image-Hash': hash, 'LXD-Image-URL': place ?? '' };
      if (place === undefined) response.end(url === '/file' ? sent : undefined);
      else response.writeHead(200, headers).end();
    }, certificate);
    await lxc.badly(`image import ${server.url}/nothing`, /Error: .*LXD-Image-Hash/);
    await lxc.badly(`image import ${server.url}/bare`, /Error: .*is not encrypted/);
    sent = Buffer.from('something else');
    await lxc.badly(`image import ${server.url}/box`, /Error: .*announced/);
    await lxc.badly(`image info ${hash}`, /Error: /);
    sent = file;
    await lxc.well(`image import ${server.url}/box note=web --alias mine --public`);
    expect(await lxc.well('image show mine')).toMatch(/public: true/);
    expect(await lxc.well('image info mine')).toMatch(
      new RegExp(`Fingerprint: ${hash}[^]*note: web[^]*Protocol: direct`),
    );
    await lxc.well('launch mine m1');
    await lxc.well('delete -f m1 c1');
    const more = ['--alias', 'ours', '--format', 'json'];
    const ours = await lxc.warren.ok(['image', 'import', `${server.url}/box`, ...more]);
    expect(JSON.parse(ours)).toMatchObject({ fingerprint: hash });
    const refused = await lxc.warren.run(['image', 'import', `${plain.url}/box`]);
    expect(refused).toMatchObject({ exitCode: 2 });
  });
});
