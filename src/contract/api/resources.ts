/** `GET /1.0/resources`: what the host has. Bytes, MHz, counts. */
export interface Resources {
  readonly cpu: {
    readonly architecture: string;
    readonly sockets: readonly {
      readonly name: string;
      readonly vendor: string;
      readonly socket: number;
      readonly cores: readonly {
        readonly core: number;
        readonly die: number;
        readonly frequency: number;
        readonly threads: readonly {
          readonly id: number;
          readonly thread: number;
          readonly numa_node: number;
          readonly online: boolean;
          readonly isolated: boolean;
        }[];
      }[];
    }[];
    readonly total: number;
  };
  readonly memory: {
    readonly nodes: readonly unknown[];
    readonly hugepages_total: number;
    readonly hugepages_used: number;
    readonly hugepages_size: number;
    readonly used: number;
    readonly total: number;
  };
  readonly gpu: { readonly cards: readonly unknown[]; readonly total: number };
  readonly network: { readonly cards: readonly unknown[]; readonly total: number };
  readonly storage: { readonly disks: readonly unknown[]; readonly total: number };
  readonly usb: { readonly devices: readonly unknown[]; readonly total: number };
  readonly pci: { readonly devices: readonly unknown[]; readonly total: number };
  readonly system: {
    readonly uuid: string;
    readonly vendor: string;
    readonly product: string;
    readonly family: string;
    readonly version: string;
    readonly sku: string;
    readonly serial: string;
    readonly type: string;
  };
}
