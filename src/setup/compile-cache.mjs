// Writes the compile cache of a bundled program: runs it, and has V8 save every function that was
// compiled on the way. The CLI runs as for a user, against a server that answers as an empty warren
// does; the daemon, without a keeper, loads everything and refuses to go on.
//
//     node compile-cache.mjs BIN_DIRECTORY warren|warrend
import fs, { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { Script } from 'node:vm';

const [bin, name] = process.argv.slice(2);
const filename = `${bin}/${name}-core.cjs`;
// As the launcher reads it: the cache belongs to this text.
const text = readFileSync(filename, 'latin1');
const script = new Script(text, { filename });

process.on('exit', () => {
  writeFileSync(`${bin}/${name}-core.cache`, script.createCachedData());
  const cachedData = readFileSync(`${bin}/${name}-core.cache`);
  process.exitCode = new Script(text, { filename, cachedData }).cachedDataRejected ? 1 : 0;
});
const prepare = { warren: prepareCli, warrend: prepareDaemon }[name];
await prepare();
script.runInThisContext()({}, createRequire(filename), { exports: {} }, filename, bin);

async function prepareCli() {
  const directory = mkdtempSync(`${tmpdir()}/warren-build-`);
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end('{"type":"sync","status":"Success","status_code":200,"metadata":[]}');
  });
  await new Promise((resolve) => server.listen(`${directory}/unix.socket`, resolve));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

  process.env.WARREN_DIR = directory;
  // Building as root is fine; it is only the commands that root may not give.
  process.geteuid = () => 1000;
  process.argv.splice(1, Infinity, 'warren', 'list');
  // What the command prints, it prints by descriptor.
  const { writeSync } = fs;
  fs.writeSync = (fd, ...rest) => (fd === 1 ? rest[0].length : writeSync(fd, ...rest));
}

function prepareDaemon() {
  process.env = {};
  process.stderr.write = () => true;
}
