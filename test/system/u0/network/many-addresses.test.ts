import { afterAll, beforeAll, expect } from 'vitest';

import { needs } from '../../../helpers/needs.ts';
import { bridge, openGround, startMachine, type Machine } from './ground.ts';

const test = needs('network');
const networks = openGround([]).networks();
let machine: Machine;

beforeAll(async () => {
  await networks.apply([bridge]);
  machine = await startMachine('web');
  await networks.attach(machine.pid, machine.nic);
  await machine.lease();
});
afterAll(async () => {
  await machine.kill();
  await networks.close();
});

test('a machine that has made thousands of interfaces and addresses is looked at no longer than others', async () => {
  const make = (count: number, line: string): string =>
    machine.run('sh', '-c', `seq 0 ${count - 1} | awk '{ ${line} }' | ip -batch -`);
  make(600, 'print "link add v" $1 " type veth peer name w" $1');
  make(6000, 'print "addr add 127.1." int($1 / 250) "." ($1 % 250) "/32 dev lo"');
  const before = performance.now();
  const found = await networks.interfaces(machine.pid);
  expect(performance.now() - before).toBeLessThan(2000);
  expect(Object.keys(found).length).toBeLessThanOrEqual(1000);
  const all = Object.values(found).flatMap(({ addresses }) => addresses);
  expect(all.length).toBeLessThanOrEqual(4000);
  expect(found['eth0']).toMatchObject({ state: 'up', hwaddr: machine.nic.hwaddr });
});
