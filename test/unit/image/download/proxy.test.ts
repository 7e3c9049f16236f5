import { expect, test } from 'vitest';

import { findProxy } from '../../../../src/image/download/proxy.ts';

const both = { http_proxy: 'http://plain.test:3128', https_proxy: 'safe.test:8080' };
const proxyOf = (url: string, env: Record<string, string>): string | undefined =>
  findProxy(new URL(url), env)?.href;

test('each kind of URL has a proxy of its own, whose scheme may be missing', () => {
  expect(proxyOf('http://images.test/', both)).toBe('http://plain.test:3128/');
  expect(proxyOf('https://images.test/', both)).toBe('http://safe.test:8080/');
  expect(proxyOf('https://images.test/', { http_proxy: 'plain.test' })).toBeUndefined();
});

test('a name in lower case goes before one in upper case, also where it is empty', () => {
  const upper = { HTTPS_PROXY: 'http://upper.test' };
  expect(proxyOf('https://images.test/', upper)).toBe('http://upper.test/');
  expect(proxyOf('https://images.test/', { ...upper, ...both })).toBe('http://safe.test:8080/');
  expect(proxyOf('https://images.test/', { ...upper, https_proxy: '' })).toBeUndefined();
});

test.each([
  ['*', 'images.test', true],
  ['images.test', 'images.test', true],
  ['test', 'images.test', true],
  ['.images.test', 'a.images.test', true],
  ['*.images.test', 'a.images.test', true],
  ['IMAGES.test', 'images.test', true],
  ['a.test, images.test', 'images.test', true],
  ['ages.test', 'images.test', false],
  ['images.test:443', 'images.test', true],
  ['images.test:8443', 'images.test', false],
  ['images.test:8443', 'images.test:8443', true],
  ['10.0.0.0/8', '10.1.2.3', true],
  ['10.0.0.0/8', '11.1.2.3', false],
  ['10.0.0.0/99', '10.1.2.3', false],
  ['10.0.0.0/8', 'images.test', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['fd00::/8', '[fd00::1]', true],
  ['[fd00::1]:443', '[fd00::1]', true],
  ['fd00::1', '[fd00::2]', false],
  ['', 'localhost', true],
  ['', '127.0.0.9', true],
  ['', '[::1]', true],
  ['', 'images.test', false],
  [',', 'images.test', false],
  ['.', 'images.test', false],
])('no_proxy=%s excepts %s: %s', (no_proxy, host, excepted) => {
  expect(proxyOf(`https://${host}/`, { ...both, no_proxy }) === undefined).toBe(excepted);
});

test('what is no proxy for HTTP is named by its variable, for it may hold a password', () => {
  for (const https_proxy of ['socks5://anna:secret@x', 'http://', '://secret']) {
    const ask = (): unknown => proxyOf('https://images.test/', { https_proxy });
    expect(ask).toThrow('https_proxy is no proxy for HTTP, wanted http://HOST:PORT');
    expect(proxyOf('https://images.test/', { https_proxy, no_proxy: 'test' })).toBeUndefined();
  }
});
