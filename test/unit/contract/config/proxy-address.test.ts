import { expect, test } from 'vitest';

import { parseProxyAddress } from '../../../../src/contract/config/proxy-address.ts';

test.each([
  ['tcp:127.0.0.1:80', { kind: 'tcp', host: '127.0.0.1', ports: [80] }],
  ['tcp::80', { kind: 'tcp', host: '127.0.0.1', ports: [80] }],
  ['tcp:80', { kind: 'tcp', host: '127.0.0.1', ports: [80] }],
  ['tcp:0.0.0.0:80-82,90', { kind: 'tcp', host: '0.0.0.0', ports: [80, 81, 82, 90] }],
  ['udp:[::1]:53', { kind: 'udp', host: '::1', ports: [53] }],
  ['tcp:[::ffff:1.2.3.4]:53', { kind: 'tcp', host: '::ffff:1.2.3.4', ports: [53] }],
  ['unix:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
])('%s', (text, address) => {
  expect(parseProxyAddress(text)).toEqual(address);
});

test.each([
  ...['', 'tcp', 'tcp:', 'tcp:::80', 'tcp:1.2.3:80', 'tcp:localhost:80', 'tcp:127.0.0.1:0'],
  ...[
    'tcp:127.0.0.1:65536',
    'tcp:127.0.0.1:9-8',
    'tcp:127.0.0.1:1-257',
    'tcp:127.0.0.1:1-200,300-400',
  ],
  ...[
    'unix:relative',
    'unix:@abstract',
    `unix:/${'x'.repeat(200)}`,
    'unix:/srv/../run/x.sock',
    'sctp:1.2.3.4:5',
    'udp:[::g]:1',
  ],
  ...['tcp:127.0.0.1:', 'tcp:127.0.0.1:,', 'tcp:127.0.0.1:1,'],
])('%j is no address', (text) => {
  expect(parseProxyAddress(text)).toBeUndefined();
});
