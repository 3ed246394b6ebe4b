/** A number as people write it: `12,345`. */
export function number(n: number): string {
  return Math.round(n).toLocaleString("en");
}

/** A number of things: `1 consumer`, `1,200 consumers`. */
export function counted(n: number, thing: string, things: string = plural(thing)): string {
  return `${number(n)} ${Math.round(n) === 1 ? thing : things}`;
}

/** A rate: `0.4 events/s`, `1,200 events/s`. */
export function rate(perSecond: number): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : number(perSecond)} events/s`;
}

function plural(thing: string): string {
  return /(s|ch|x)$/.test(thing) ? `${thing}es` : thing.replace(/y$/, "ie") + "s";
}
