import { test } from 'vitest';

import { survivePowerCuts } from './power-cuts.ts';

test(
  'a power cut in the middle of a restore or delete loses no machine and leaks nothing',
  { timeout: 1_500_000 },
  () => survivePowerCuts(['restore', 'delete'], 5),
);
