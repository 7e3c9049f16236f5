import { describe, expect, it } from 'vitest';

import { planRoot } from '../../../src/storage/plan.ts';
import { maxLayers, overlayOptions } from '../../../src/storage/roots.ts';

const paths = { mountDir: '/mnt' as never };
const chain = (...kinds: ('plain' | 'full' | 'fuse')[]) =>
  kinds.map((kind, index) => ({ id: `l${index}`, kind }));
const plain = { kind: 'plain' } as const;

describe('overlayOptions', () => {
  it('names the upper before the layers, top first, and contents last', () => {
    expect(overlayOptions(paths, 7, ['b', 'a'], 'z')).toBe(
      'upperdir=/mnt/i/7/upper,workdir=/mnt/i/7/work,lowerdir=/mnt/l/b:/mnt/l/a::/mnt/l/z.data',
    );
  });

  it('has an empty directory below a machine that was made without an image', () => {
    expect(overlayOptions(paths, 7, [])).toMatch(/,lowerdir=\/mnt\/nothing$/);
  });

  it('fits into a page for the longest chain that is promised', () => {
    const layers = Array.from({ length: maxLayers(paths) }, () => 'x'.repeat(12));
    const options = `userxattr,${overlayOptions(paths, Number.MAX_SAFE_INTEGER, layers)}`;
    expect(options.length).toBeLessThan(4096);
    expect(maxLayers(paths)).toBeGreaterThan(150);
  });
});

describe('planRoot', () => {
  const plan = (input: Partial<Parameters<typeof planRoot>[0]>) =>
    planRoot({ tier: 'userxattr', upper: plain, chain: chain('plain'), instanceId: 1, ...input });

  it('mounts by the tier', () => {
    expect(plan({}).method).toBe('kernel');
    expect(plan({ tier: 'fuse' }).method).toBe('fuse');
    expect(plan({ tier: 'copy' }).method).toBe('copy');
    expect(plan({ chain: [] })).toMatchObject({ method: 'kernel', layers: [] });
    expect(plan({ tier: 'copy', chain: [] }).method).toBe('bind');
    expect(() => plan({ tier: 'copy', chain: [], upper: { kind: 'fuse' } })).toThrow('overlay');
  });

  it('keeps to fuse-overlayfs what it has written', () => {
    expect(plan({ upper: { kind: 'fuse' } }).method).toBe('fuse');
    expect(plan({ chain: chain('plain', 'fuse', 'plain') }).method).toBe('fuse');
    expect(() => plan({ tier: 'copy', upper: { kind: 'fuse' } })).toThrow('fuse-overlayfs');
  });

  it('shows nothing below a full tree', () => {
    expect(plan({ upper: { kind: 'full' } })).toMatchObject({ method: 'bind', layers: [] });
    expect(plan({ chain: chain('plain', 'full', 'fuse') })).toMatchObject({
      method: 'kernel',
      layers: ['l0', 'l1'],
    });
    expect(plan({ tier: 'copy', chain: chain('full', 'plain') }).layers).toEqual(['l0']);
  });

  it('adds the contents of a meta layer at the bottom, where the kernel can', () => {
    const meta = [
      { id: 'b', kind: 'delta' },
      { id: 'a', kind: 'meta', data: 'x' },
    ] as const;
    expect(plan({ tier: 'redirect', chain: meta })).toEqual({
      method: 'kernel',
      layers: ['b', 'a'],
      data: 'x',
    });
    for (const tier of ['userxattr', 'fuse', 'copy'] as const) {
      expect(() => plan({ tier, chain: meta })).toThrow('data-only');
    }
    expect(() => plan({ tier: 'redirect', upper: { kind: 'fuse' }, chain: meta })).toThrow('fuse');
  });
});
