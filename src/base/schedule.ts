/** A cron expression: which minutes, hours, days, months and weekdays (0 is Sunday) match. */
export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Both day and weekday are restricted: then either is enough (crontab(5)). */
  readonly eitherDay: boolean;
}

/** When snapshots are due: at cron times, at each start, or never. */
export interface Schedule {
  readonly crons: readonly Cron[];
  readonly atStartup: boolean;
}

const aliases: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@annually': '0 0 1 1 *',
  '@yearly': '0 0 1 1 *',
};

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/**
 * A snapshot schedule as LXD writes it: five cron fields, or a comma list of `@hourly`, `@daily`,
 * `@midnight`, `@weekly`, `@monthly`, `@annually`, `@yearly`, `@startup` and `@never`. Undefined
 * when the text is none; the empty text never.
 */
export function parseSchedule(text: string): Schedule | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return { crons: [], atStartup: false };
  if (!trimmed.startsWith('@')) {
    const cron = parseCron(trimmed);
    return cron === undefined ? undefined : { crons: [cron], atStartup: false };
  }
  const names = trimmed.split(',').map((name) => name.trim());
  const crons: Cron[] = [];
  for (const name of names) {
    if (name === '@startup' || name === '@never') continue;
    const cron = parseCron(aliases[name] ?? '');
    if (cron === undefined) return undefined;
    crons.push(cron);
  }
  return { crons, atStartup: names.includes('@startup') };
}

/** Five fields of numbers, names, ranges, lists and steps (crontab(5)), or undefined. */
function parseCron(text: string): Cron | undefined {
  const [minuteText, hourText, dayText, monthText, weekdayText, ...more] = text.trim().split(/\s+/);
  if (weekdayText === undefined || more.length > 0) return undefined;
  const minutes = parseField(minuteText ?? '', 0, 59, []);
  const hours = parseField(hourText ?? '', 0, 23, []);
  const days = parseField(dayText ?? '', 1, 31, []);
  const monthSet = parseField(monthText ?? '', 1, 12, ['', ...months]);
  const weekdaySet = parseField(weekdayText, 0, 7, weekdays);
  if (!minutes || !hours || !days || !monthSet || !weekdaySet) return undefined;
  if (weekdaySet.has(7)) weekdaySet.add(0);
  return {
    minutes,
    hours,
    days,
    months: monthSet,
    weekdays: weekdaySet,
    eitherDay: !(dayText ?? '').startsWith('*') && !weekdayText.startsWith('*'),
  };
}

/** Whether a schedule is due in the minute that holds `date`, in local time as cron has it. */
export function scheduleMatches(schedule: Schedule, date: Date): boolean {
  return schedule.crons.some((cron) => {
    const day = cron.days.has(date.getDate());
    const weekday = cron.weekdays.has(date.getDay());
    return (
      cron.minutes.has(date.getMinutes()) &&
      cron.hours.has(date.getHours()) &&
      cron.months.has(date.getMonth() + 1) &&
      (cron.eitherDay ? day || weekday : day && weekday)
    );
  });
}

function parseField(
  field: string,
  min: number,
  max: number,
  names: readonly string[],
): Set<number> | undefined {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [, range, stepText] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    if (range === undefined) return undefined;
    const step = stepText === undefined ? 1 : Number(stepText);
    const [fromText = '', toText, ...more] =
      range === '*' ? [`${min}`, `${max}`] : range.split('-');
    const from = parseNumber(fromText, names);
    const last = toText ?? (stepText === undefined ? fromText : `${max}`);
    const to = parseNumber(last, names);
    if (more.length > 0 || from === undefined || to === undefined) return undefined;
    if (step === 0 || from < min || to > max || from > to) return undefined;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

function parseNumber(text: string, names: readonly string[]): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = text === '' ? -1 : names.indexOf(text.toLowerCase());
  return index === -1 ? undefined : index;
}
