import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openWarren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

test('a purge deletes what projects have of their own, however they say that they do', async () => {
  await using warren = openWarren();
  for (const [project, yes] of Object.entries({ lab: '1', work: 'yes' })) {
    const features = ['images', 'profiles', 'storage.volumes'];
    const config = features.flatMap((one) => ['-c', `features.${one}=${yes}`]);
    await warren.ok(['project', 'create', project, ...config]);
    await warren.ok(['init', 'busybox', 'm', '--project', project]);
    await warren.ok(['profile', 'create', 'extra', '--project', project]);
    await warren.ok(['storage', 'volume', 'create', 'default', 'data', '--project', project]);
  }
  await warren.ok(['daemon', 'stop', '--purge']);
  for (const directory of ['images', 'instances', 'layers', 'volumes']) {
    expect(readdirSync(join(warren.dir, directory)), directory).toEqual([]);
  }
});
