import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';

import type { AddressInfo } from 'node:net';

/** A web server on 127.0.0.1 that answers as the test says. */
export interface WebTestServer extends AsyncDisposable {
  readonly url: string;
}

/** With a certificate it speaks https. */
export async function openWebServer(
  answer: RequestListener,
  certificate?: TestCertificate,
): Promise<WebTestServer> {
  const server =
    certificate === undefined ? createServer(answer) : createTlsServer(certificate.pair, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

export interface TestCertificate extends Disposable {
  readonly pair: { readonly key: Buffer; readonly cert: Buffer };
  /** For NODE_EXTRA_CA_CERTS. */
  readonly file: string;
}

/** A certificate for 127.0.0.1, or what is given as `DNS:NAME`, that nobody trusts by himself. */
export function makeCertificate(subject = 'IP:127.0.0.1'): TestCertificate {
  const dir = mkdtempSync(join(homedir(), 'tls-'));
  const [keyFile, file] = [join(dir, 'key'), join(dir, 'cert')];
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', '/CN=test', '-addext', `subjectAltName=${subject}`, '-days', '2'],
    ...['-keyout', keyFile, '-out', file],
  ]);
  return {
    pair: { key: readFileSync(keyFile), cert: readFileSync(file) },
    file,
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true });
    },
  };
}
