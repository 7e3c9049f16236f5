import { projectOf, projectWith } from '../../base/names.ts';
import { imageAliasUrl, imageUrl, instanceUrl, profileUrl } from '../views/urls.ts';
import { volumeUrl } from '../views/volumes.ts';

import type { LifecycleMetadata } from '../../contract/api/events.ts';
import type { EventSink, LifecycleSubject } from '../../engine/types.ts';
import type { EventHub } from './hub.ts';

/** The engine's sink: turns the subject of what happened into its URL. */
export function lifecycleSink(hub: EventHub): EventSink {
  return {
    lifecycle({ action, subject, context }) {
      const metadata: LifecycleMetadata = { action, source: urlOf(subject), context };
      hub.emit('lifecycle', metadata, projectOfSubject(subject));
    },
  };
}

/** Machines are of a project, images, profiles and volumes may be, all else is of `default`. */
function projectOfSubject(subject: LifecycleSubject): string {
  if (subject.kind === 'instance') return projectOf(subject.name);
  if (subject.kind === 'profile' || subject.kind === 'volume') return projectWith(subject.name);
  if ('project' in subject) return subject.project;
  if ('volume' in subject) return projectWith(subject.volume);
  return 'instance' in subject ? projectOf(subject.instance) : 'default';
}

function urlOf(subject: LifecycleSubject): string {
  const name = encodeURIComponent(subject.name);
  switch (subject.kind) {
    case 'instance':
      return instanceUrl(subject.name);
    case 'instance-snapshot':
      return instanceUrl(subject.instance, `/snapshots/${name}`);
    case 'instance-backup':
      return instanceUrl(subject.instance, `/backups/${name}`);
    case 'image':
      return imageUrl({ project: subject.project, fingerprint: subject.name });
    case 'image-alias':
      return imageAliasUrl(subject.project, subject.name);
    case 'profile':
      return profileUrl(subject.name);
    case 'volume':
      return volumeUrl(subject.name);
    case 'volume-snapshot':
      return volumeUrl(subject.volume, `/snapshots/${name}`);
    case 'volume-backup':
      return volumeUrl(subject.volume, `/backups/${name}`);
    case 'project':
      return `/1.0/projects/${name}`;
    case 'storage-pool':
      return `/1.0/storage-pools/${name}`;
    case 'network':
      return `/1.0/networks/${name}`;
  }
}
