// How things are said to people.

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

export function when(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : WHEN.format(time);
}

/** With a sign, and as wide whichever it is. */
export function signed(value: number, digits = 2): string {
  const text = Math.abs(value).toFixed(digits);
  return `${value < 0 && Number(text) !== 0 ? "−" : "+"}${text}`;
}

export function number(value: number): string {
  return NUMBER.format(value);
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(n)} ${n === 1 ? one : many}`;
}

/** A name of the code's, as `resident_bytes`, as words. */
export function spoken(name: string): string {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const KINDS: Record<string, string> = {
  remembered: "Remembered",
  revised: "Rewrote",
  forgotten: "Forgot",
  felt: "Felt",
  merged: "Merged",
  picked: "Took over",
  rolled_back: "Rolled back",
  used: "Used",
  related: "Learned a relation",
  unrelated: "Ended a relation",
  unified: "Joined names",
  skill_learned: "Learned a skill",
  skill_used: "Used a skill",
};

/** What kind of event it was. */
export function kindly(kind: string): string {
  return KINDS[kind] ?? spoken(kind);
}

/** What a rollback of the whole lists. */
const ALL_PARTS = /^memories, graph, mood, working, skills to /;

/** A summary in which branches are called by their names. */
export function named(summary: string, names: ReadonlyMap<string, string>): string {
  return summary.replace(ALL_PARTS, "everything to ").replace(/([\w-]+)@(\d+)/g, (whole, id: string, seq: string) => {
    const name = names.get(id);
    return name === undefined ? whole : `${name}, event ${seq}`;
  });
}
