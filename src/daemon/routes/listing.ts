import { parseFilter } from '../http/filter.ts';
import { syncBody } from '../http/replies.ts';
import { query, recursionOf } from '../http/request.ts';

import type { FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../contract/api/envelope.ts';

/**
 * The answer of a listing: URLs, or the objects with `recursion`, those that `filter` wants.
 * Without a filter and recursion no object is made.
 */
export function listAnswer<Record>(
  request: FastifyRequest,
  records: readonly Record[],
  url: (record: Record) => string,
  view: (record: Record) => unknown,
): SyncResponse<readonly unknown[]> {
  const text = query(request, 'filter') ?? '';
  const wanted = parseFilter(text);
  const isPlain = recursionOf(request) === 0;
  if (isPlain && text.trim() === '') return syncBody(records.map(url));
  const chosen = records
    .map((record) => ({ record, object: view(record) }))
    .filter(({ object }) => wanted(object));
  return syncBody(chosen.map(({ record, object }) => (isPlain ? url(record) : object)));
}
