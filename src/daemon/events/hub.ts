import type { Event } from '../../contract/api/events.ts';

export type EventType = Event['type'];

/** Gets each event once, as the object and as the frame that goes over the wire. Must not throw. */
export type EventListener = (event: Event, frame: string) => void;

/** Hands every event to whoever listens at that moment; nothing is kept. */
export class EventHub {
  readonly #listeners = new Map<EventListener, ReadonlySet<EventType>>();

  /** Disposing stops it. */
  listen(types: ReadonlySet<EventType>, listener: EventListener): Disposable {
    this.#listeners.set(listener, types);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  /** Whether anybody would get an event of that type: spares making it. */
  isWanted(type: EventType): boolean {
    for (const types of this.#listeners.values()) if (types.has(type)) return true;
    return false;
  }

  emit(type: EventType, metadata: unknown, project = 'default'): void {
    if (!this.isWanted(type)) return;
    const event: Event = {
      type,
      timestamp: new Date().toISOString(),
      metadata,
      location: 'none',
      project,
    };
    const frame = JSON.stringify(event);
    for (const [listener, types] of this.#listeners) if (types.has(type)) listener(event, frame);
  }
}
