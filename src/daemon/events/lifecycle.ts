import type { LifecycleMetadata } from '../../contract/api/events.ts';
import type { EventSink, LifecycleSubject } from '../../engine/types.ts';
import type { EventHub } from './hub.ts';

/** The engine's sink: turns the subject of what happened into its URL. */
export function lifecycleSink(hub: EventHub): EventSink {
  return {
    lifecycle({ action, subject, context }) {
      const metadata: LifecycleMetadata = { action, source: urlOf(subject), context };
      hub.emit('lifecycle', metadata);
    },
  };
}

const volumesUrl = '/1.0/storage-pools/default/volumes/custom';

function urlOf(subject: LifecycleSubject): string {
  const name = encodeURIComponent(subject.name);
  switch (subject.kind) {
    case 'instance':
      return `/1.0/instances/${name}`;
    case 'instance-snapshot':
      return `/1.0/instances/${encodeURIComponent(subject.instance)}/snapshots/${name}`;
    case 'instance-backup':
      return `/1.0/instances/${encodeURIComponent(subject.instance)}/backups/${name}`;
    case 'image':
      return `/1.0/images/${name}`;
    case 'image-alias':
      return `/1.0/images/aliases/${name}`;
    case 'profile':
      return `/1.0/profiles/${name}`;
    case 'volume':
      return `${volumesUrl}/${name}`;
    case 'volume-snapshot':
      return `${volumesUrl}/${encodeURIComponent(subject.volume)}/snapshots/${name}`;
    case 'network':
      return `/1.0/networks/${name}`;
  }
}
