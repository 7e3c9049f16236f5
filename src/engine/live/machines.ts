/** What the daemon holds in memory of each machine, by name. */
export class LiveMachines {
  close(): void {
    throw new Error('not yet');
  }
}
