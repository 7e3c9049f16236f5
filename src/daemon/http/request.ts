import { machineName } from '../../base/names.ts';

import type { FastifyRequest } from 'fastify';

/** A parameter of the route's path, decoded. */
export function param(request: FastifyRequest, name: string): string {
  return (request.params as Readonly<Record<string, string>>)[name] ?? '';
}

/** The first value of a query parameter; undefined when it is absent. */
export function query(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Readonly<Record<string, string | string[]>>)[name];
  return Array.isArray(value) ? value[0] : value;
}

/** `recursion=N`; absent and nonsense are 0, as in LXD. */
export function recursionOf(request: FastifyRequest): number {
  const value = Number(query(request, 'recursion') ?? '0');
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** One header as text; undefined when it is absent. */
export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

/** The project that a request is about. */
export function projectOfRequest(request: FastifyRequest): string {
  const project = query(request, 'project') ?? '';
  return project === '' ? 'default' : project;
}

/** The engine's name of the machine that the request calls `name`. */
export function machineOf(request: FastifyRequest, name: string): string {
  return machineName(projectOfRequest(request), name);
}

/** Whether a list is wanted of every project. */
export function wantsAllProjects(request: FastifyRequest): boolean {
  return ['1', 'true'].includes(query(request, 'all-projects') ?? '');
}
