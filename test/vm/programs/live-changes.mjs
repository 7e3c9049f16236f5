// Runs on the emulated host as the user: changes a machine and looks at the kernel's files at once,
// by one clock and without a connection in between. Argument: a `Plan` of live-changes.ts. Prints
// its `Outcome`s.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const { socket, machine, rounds, changes } = JSON.parse(process.argv[2] ?? '');
const agent = new Agent({ keepAlive: true });

const send = (method, path, body) =>
  new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const options = { agent, socketPath: socket, method, path, headers };
    const sent = request(options, (response) => {
      let text = '';
      response.on('data', (part) => (text += part));
      response.on('end', () => resolve(JSON.parse(text)));
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });

const change = async (body) => {
  const answer = await send('PATCH', `/1.0/instances/${machine}`, body);
  if (answer.type !== 'sync') throw new Error(JSON.stringify(answer));
};

const count = ({ path, pattern }) =>
  Number(new RegExp(pattern, 'm').exec(readFileSync(path, 'utf8'))?.[1] ?? 0);
const shows = ({ path, line }) => readFileSync(path, 'utf8').split('\n').includes(line);
const until = async (what, isSo) => {
  const deadline = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > deadline)
      throw new Error(`not within a minute: ${JSON.stringify(what)}`);
    await sleep(5);
  }
};

const outcomes = [];
for (let round = 0; round < rounds; round++) {
  for (const { body, shown, rises, atMost } of changes) {
    const before = rises === undefined ? 0 : count(rises);
    const begunMs = performance.now();
    await change(body);
    const answeredMs = performance.now();
    const outcome = { answerMs: answeredMs - begunMs, isShown: shown.every(shows), heldMs: 0 };
    if (rises !== undefined) {
      await until(rises, () => count(rises) > before);
      outcome.heldMs = performance.now() - answeredMs;
    }
    if (atMost !== undefined) {
      await sleep(1000);
      const fromMs = performance.now();
      const from = count(atMost);
      await sleep(1000);
      const used = count(atMost) - from;
      outcome.perSecond = (used * 1000) / (performance.now() - fromMs);
    }
    outcomes.push(outcome);
  }
}
agent.destroy();
process.stdout.write(JSON.stringify(outcomes));
