import type { NewEntry } from '../../archive/writer.ts';
import { directory, symlink, textFile, type GuestChanges } from './entries.ts';

/** Programs that would only harm in a machine: they replace init or want real hardware. */
const unwanted = new Set(['linuxrc', 'busybox']);

/**
 * A whole system around one static binary: init, a shell on the console, DHCP on eth0.
 * `applets` are paths as `busybox --list-full` prints them.
 */
export function busyboxChanges(binary: Buffer, applets: readonly string[]): GuestChanges {
  const links = applets
    .filter((applet) => /^[\w./[-]+$/.test(applet) && !unwanted.has(applet.split('/').at(-1) ?? ''))
    .filter((applet) => applet !== 'bin/busybox')
    .map((applet) => symlink(applet, '/bin/busybox'));
  return { removals: [], entries: [...directories, busybox(binary), ...links, ...files] };
}

function busybox(content: Buffer): NewEntry {
  return { kind: 'file', path: 'bin/busybox', mode: 0o755, content };
}

const directories = [
  ...[
    'bin dev etc etc/init.d etc/udhcpc home lib mnt opt proc run sbin srv sys usr usr/bin',
    'usr/local usr/local/bin usr/sbin var var/lib var/log var/spool',
  ]
    .join(' ')
    .split(' ')
    .map((path) => directory(path)),
  directory('root', 0o700),
  directory('tmp', 0o1777),
  directory('var/tmp', 0o1777),
];

const files: readonly NewEntry[] = [
  symlink('var/run', '/run'),
  textFile('etc/inittab', [
    '::sysinit:/etc/init.d/rcS',
    '# Enter gives a shell on the console, which only the owner of the machine reaches.',
    '::askfirst:-/bin/sh',
    '::ctrlaltdel:/sbin/reboot',
    '::shutdown:/etc/init.d/rcK',
  ]),
  textFile(
    'etc/init.d/rcS',
    [
      '#!/bin/sh',
      '[ ! -s /etc/hostname ] || hostname -F /etc/hostname 2>/dev/null',
      'ip link set lo up',
      '# In the background: init must not wait for a network that may not be there.',
      '[ ! -e /sys/class/net/eth0 ] || {',
      '  ip link set eth0 up',
      '  udhcpc -b -t 30 -T 1 -A 5 -i eth0 -p /run/udhcpc.eth0.pid -s /etc/udhcpc/default.script \\',
      '    -x hostname:"$(hostname)" >/dev/null 2>&1 &',
      '}',
      'for script in /etc/init.d/S*; do [ ! -x "$script" ] || "$script" start; done',
    ],
    0o755,
  ),
  textFile(
    'etc/init.d/rcK',
    ['#!/bin/sh', 'for script in /etc/init.d/S*; do [ ! -x "$script" ] || "$script" stop; done'],
    0o755,
  ),
  textFile(
    'etc/udhcpc/default.script',
    [
      '#!/bin/sh',
      '# Called by udhcpc with what the server said in the environment.',
      'case $1 in',
      '  deconfig)',
      '    ip addr flush dev "$interface" scope global',
      '    ;;',
      '  bound | renew)',
      '    ip addr replace "$ip/${mask:-24}" dev "$interface"',
      '    for gateway in $router; do ip route replace default via "$gateway" dev "$interface" && break; done',
      '    {',
      '      [ -z "$domain" ] || echo "search $domain"',
      '      for server in $dns; do echo "nameserver $server"; done',
      '    } >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf',
      '    ;;',
      'esac',
    ],
    0o755,
  ),
  textFile('etc/passwd', [
    'root:x:0:0:root:/root:/bin/sh',
    'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
    'nobody:x:65534:65534:nobody:/nonexistent:/bin/false',
  ]),
  textFile('etc/group', [
    'root:x:0:',
    'daemon:x:1:',
    'tty:x:5:',
    'users:x:100:',
    'nogroup:x:65534:',
  ]),
  textFile('etc/shadow', ['root:*:19000:0:99999:7:::', 'nobody:*:19000:0:99999:7:::'], 0o640),
  textFile('etc/profile', [
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'export PS1="\\u@\\h:\\w\\\\$ "',
  ]),
  textFile('etc/shells', ['/bin/sh', '/bin/ash']),
  textFile('etc/os-release', ['ID=busybox', 'NAME=BusyBox', 'PRETTY_NAME="BusyBox"']),
  textFile('etc/nsswitch.conf', ['hosts: files dns']),
  textFile('etc/services', [
    'ssh 22/tcp',
    'domain 53/tcp',
    'domain 53/udp',
    'http 80/tcp',
    'https 443/tcp',
  ]),
];
