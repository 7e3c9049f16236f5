import { describe, expect, it } from 'vitest';

import {
  findStreamImage,
  parseIndex,
  parseProducts,
} from '../../../src/image/simplestreams/products.ts';

const sha = (digit: string): string => digit.repeat(64);
const item = (ftype: string, digit: string, more: object = {}) => ({
  ftype,
  path: `images/${ftype}`,
  sha256: sha(digit),
  size: 10,
  ...more,
});
const product = (arch: string, serials: Readonly<Record<string, object>>, more: object = {}) => ({
  aliases: 'debian/12/default, debian/12,',
  arch,
  os: 'Debian',
  release: 'bookworm',
  release_title: '12',
  variant: 'default',
  support_eol: '2028-06-30',
  lxd_requirements: { secureboot: 'false' },
  versions: Object.fromEntries(Object.entries(serials).map(([key, items]) => [key, { items }])),
  ...more,
});
const split = (squash: string, root: string) => ({
  a: item('lxd.tar.xz', '1', {
    combined_squashfs_sha256: sha(squash),
    combined_rootxz_sha256: sha(root),
  }),
  b: item('incus.tar.xz', '2', { combined_squashfs_sha256: sha('f') }),
  c: item('squashfs', '3'),
  d: item('root.tar.xz', '4'),
  e: item('disk-kvm.img', '5'),
});
const list = parseProducts({
  products: {
    'debian:12:amd64': product('amd64', {
      '20240101_05:24': split('a', 'b'),
      '20240202_05:24': split('c', 'd'),
    }),
    'debian:12:arm64': product('arm64', { '20240202_05:24': split('8', '9') }),
    'incus:1:amd64': product(
      'amd64',
      {
        '20240303': {
          a: item('incus.tar.xz', '6', { combined_sha256: sha('7') }),
          b: item('root.tar.xz', '4'),
        },
      },
      { aliases: 'new', os: 'New' },
    ),
    'whole:1:amd64': product(
      'amd64',
      { '20240303': { a: item('lxd_combined.tar.gz', 'e') } },
      {
        aliases: 'whole',
      },
    ),
  },
});

describe('findStreamImage', () => {
  it.each([
    ['debian/12', 'c'],
    ['debian/12/default/amd64', 'c'],
    ['debian/12/arm64', '8'],
    ['new', '7'],
    ['whole', 'e'],
    [sha('b').slice(0, 12), 'b'],
    [sha('d'), 'd'],
  ])('%s is the image of %s', (reference, digit) => {
    expect(findStreamImage(list, reference, 'x86_64')?.fingerprint).toBe(sha(digit));
  });

  it.each(['debian', 'debian/12/amd64x', 'f'.repeat(12), '', 'constructor'])(
    '%j is none',
    (reference) => {
      expect(findStreamImage(list, reference, 'x86_64')).toBeUndefined();
    },
  );

  it('tells of an image as LXD does', () => {
    expect(findStreamImage(list, 'debian/12', 'x86_64')).toMatchObject({
      architecture: 'x86_64',
      expiresAtMs: Date.parse('2028-06-30'),
      filename: 'lxd.tar.xz',
      properties: {
        os: 'Debian',
        release: 'bookworm',
        architecture: 'amd64',
        serial: '20240202_05:24',
        type: 'squashfs',
        description: 'Debian 12 amd64 (20240202_05:24)',
        'requirements.secureboot': 'false',
      },
    });
  });
});

describe('lists of strangers', () => {
  const with_ = (more: object) =>
    parseProducts({
      products: {
        x: product('amd64', {
          '20240101': { a: { ...item('lxd_combined.tar.gz', 'e'), ...more } },
        }),
      },
    });

  it.each([
    { path: '/etc/passwd' },
    { path: '../up' },
    { path: 'a/../../b' },
    { path: 'https://elsewhere/x' },
    { path: 'a?b' },
    { path: 'a\nb' },
    { path: '' },
    { sha256: 'short' },
    { size: -1 },
    { size: '10' },
    { size: 1e300 },
  ])('offer nothing with %j', (more) => {
    expect(with_({})).toHaveLength(1);
    expect(with_(more)).toEqual([]);
  });

  it.each([undefined, null, 1, 'x', [], {}, { products: [] }, { products: { a: 1 } }])(
    'that are %j have nothing',
    (value) => {
      expect(parseProducts(value)).toEqual([]);
      expect(parseIndex(value)).toEqual([]);
    },
  );

  it('name only lists of images that have some', () => {
    const entry = { datatype: 'image-downloads', path: 'streams/v1/i.json', products: ['x'] };
    const index = {
      a: entry,
      b: { ...entry, products: [] },
      c: { ...entry, datatype: 'other' },
      d: { ...entry, path: '/etc/passwd' },
    };
    expect(parseIndex({ index })).toEqual(['streams/v1/i.json']);
  });
});
