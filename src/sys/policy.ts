import { parse as parseYaml } from 'yaml';

import { parsePolicy } from '../contract/policy/parse.ts';
import { policyFile, type PolicySource, type PolicyState } from '../contract/policy/policy.ts';
import { readTrustedFile, type TrustedFile } from './trusted-file.ts';

const maxBytes = 256 * 1024;

/** The policy of this host. The place is fixed: who could name another would be bound by none. */
export function hostPolicy(): PolicySource {
  let last: { readonly text: string; readonly state: PolicyState } | undefined;
  return {
    file: policyFile,
    read: () => {
      const file = readTrustedFile(policyFile, maxBytes);
      if (file.kind !== 'text') return withoutText(file);
      if (last?.text !== file.text) last = { text: file.text, state: readPolicy(file.text) };
      return last.state;
    },
  };
}

function withoutText(file: Exclude<TrustedFile, { kind: 'text' }>): PolicyState {
  return file.kind === 'absent' ? { kind: 'none' } : { kind: 'unusable', problems: [file.why] };
}

function readPolicy(text: string): PolicyState {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { kind: 'unusable', problems: [`it is no YAML: ${why.replace(/:$/, '')}`] };
  }
  const parsed = parsePolicy(document);
  if ('policy' in parsed) return { kind: 'applies', policy: parsed.policy };
  const problems = parsed.issues.map(({ path, problem }) =>
    path === '' ? problem : `${path}: ${problem}`,
  );
  return { kind: 'unusable', problems };
}
