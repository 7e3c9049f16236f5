/**
 * The segments of a request's raw path, split before they are decoded, so that `test%2Fone` is one
 * name; and its query. Undefined when an escape is no UTF-8 text.
 */
export function splitTarget(
  target: string,
): { readonly segments: readonly string[]; readonly query: URLSearchParams } | undefined {
  const at = target.indexOf('?');
  const path = at === -1 ? target : target.slice(0, at);
  try {
    return {
      segments: path
        .split('/')
        .slice(1)
        .map((segment) => decodeURIComponent(segment)),
      query: new URLSearchParams(at === -1 ? '' : target.slice(at + 1)),
    };
  } catch {
    return undefined;
  }
}
