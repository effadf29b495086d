import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

const units = [
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;
const dayMs = 86_400_000;

/** A past or future moment: within a day as a relative time, otherwise the date; the full time as a tooltip. */
export function Moment({ at, absent }: { at: Timestamp | undefined; absent: string }) {
  if (!at) return absent;
  const ms = timestampMs(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={full.format(ms)}>
      {shortly(ms - Date.now()) ?? day.format(ms)}
    </time>
  );
}

function shortly(fromNow: number): string | undefined {
  if (Math.abs(fromNow) >= dayMs) return undefined;
  const unit = units.find(([, width]) => Math.abs(fromNow) >= width);
  return unit ? relative.format(Math.round(fromNow / unit[1]), unit[0]) : relative.format(0, 'minute');
}
