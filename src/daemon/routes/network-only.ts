import { WarrenError } from '../../contract/errors.ts';

import type { FastifyInstance } from 'fastify';

const why = 'warren listens on a socket of yours alone, not on the network';

/**
 * What LXD does for clients and servers elsewhere: a reason is more than a path that is not there.
 */
export function networkOnlyRoutes(app: FastifyInstance): void {
  refuse('/1.0/certificates', 'trust a client', 'lxc remote add NAME unix:///PATH/unix.socket');
  refuse('/1.0/images/:fingerprint/secret', 'let another server fetch the image', relay);
  refuse('/1.0/images/:fingerprint/export', 'send the image to another server', relay);

  function refuse(url: string, what: string, hint: string): void {
    app.post(url, () => {
      throw new WarrenError('unsupported', { what, why, hint });
    });
  }
}

const relay = 'lxc image copy --mode=relay';
