import type { FastifyReply } from 'fastify';

import { catalogue, WarrenError } from '../../contract/errors.ts';
import { inWordsOf } from './own-words.ts';

import type { AsyncResponse, ErrorResponse, SyncResponse } from '../../contract/api/envelope.ts';
import type { Operation } from '../../contract/api/operations.ts';

export function syncBody<T>(metadata: T): SyncResponse<T> {
  return {
    type: 'sync',
    status: 'Success',
    status_code: 200,
    operation: '',
    error_code: 0,
    error: '',
    metadata,
  };
}

/**
 * The sync answer of a long list, from the JSON of each of its objects. As one text it would be
 * copied several times on its way out, which takes longer than everything else about a thousand
 * machines.
 */
export function syncListBody(reply: FastifyReply, items: readonly string[]): Buffer {
  const head = JSON.stringify(syncBody([])).slice(0, -'[]}'.length);
  const pieces = ['[', ...items.map((item, index) => (index === 0 ? item : `,${item}`)), ']}'];
  pieces.unshift(head);
  const body = Buffer.allocUnsafe(pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0));
  let at = 0;
  for (const piece of pieces) at += body.write(piece, at);
  void reply.type('application/json; charset=utf-8');
  return body;
}

/** The answer of a route that made a named object: 201 with its URL. */
export function created(reply: FastifyReply, location: string): SyncResponse<null> {
  void reply.code(201).header('Location', location);
  return syncBody(null);
}

/** The answer of a route that began an operation: 202 with its URL. */
export function accepted(reply: FastifyReply, operation: Operation): AsyncResponse {
  const url = `/1.0/operations/${operation.id}`;
  void reply.code(202).header('Location', url);
  return {
    type: 'async',
    status: 'Operation created',
    status_code: 100,
    operation: url,
    error_code: 0,
    error: '',
    metadata: operation,
  };
}

/** In the words of the project that was asked about. */
export function errorBody(error: WarrenError, project = 'default'): ErrorResponse {
  return {
    type: 'error',
    error: inWordsOf(project, error.message),
    error_code: catalogue[error.code].status,
    metadata: null,
    warren: inWordsOf(project, { code: error.code, details: error.details, hint: error.hint }),
  };
}
