import { test } from 'vitest';

import { survivePowerCuts } from './power-cuts.ts';

test(
  'a power cut in the middle of a snapshot or copy loses no machine and leaks nothing',
  { timeout: 1_500_000 },
  () => survivePowerCuts(['snapshot', 'copy'], 5),
);
