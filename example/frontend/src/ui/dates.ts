/** Dates as people read them; days are `YYYY-MM-DD`, times are ISO 8601, as the serializers write them. */
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** A day, with its year only where it isn't the current one. */
export function day(date: string): string {
  const format = date.startsWith(String(new Date().getFullYear())) ? DAY : DAY_OF_YEAR;
  return format.format(new Date(`${date}T00:00:00Z`));
}

export function isPast(date: string): boolean {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return date < local.toISOString().slice(0, 10);
}

export const moment = (time: string): string => MOMENT.format(new Date(time));
export const clock = (time: Date): string => CLOCK.format(time);
