/** A place in the sources. */
export interface Place {
  /** The file, as a path from the repository's root. */
  readonly file: string;
  /** The line, from 1. */
  readonly line: number;
}

/** A source file: its path, and its text. */
export type Source = readonly [file: string, text: string];

/**
 * Finds the line of a field, of an event, or of a stream in the sources, as an editor would search for it.
 *
 * @param sources the files in which schemas are defined
 * @param subject what to look for
 * @param path where in the event's payload
 * @returns the innermost place that was found; `undefined` when not even the event was
 */
export function locate(
  sources: readonly Source[],
  subject: { readonly event?: string; readonly stream?: string },
  path: string,
): Place | undefined {
  const name = subject.event ?? subject.stream ?? "";
  const quoted = `["'\`]${escape(name)}["'\`]`;
  const patterns = subject.event === undefined ? [quoted] : [`\\bdefineEvent\\s*(?:<[^(]*>)?\\(\\s*${quoted}`, quoted];
  for (const pattern of patterns) {
    for (const [file, text] of sources) {
      const match = new RegExp(pattern).exec(text);
      if (match === null) continue;
      const start = match.index + match[0].length;
      const at = subject.event === undefined ? match.index : fieldIndex(text, start, path) ?? match.index;
      return { file, line: lineOf(text, at) };
    }
  }
  return undefined;
}

/** Walks into the call that begins before `start`, one field after the other. */
function fieldIndex(text: string, start: number, path: string): number | undefined {
  const end = closing(text, start);
  let found: number | undefined;
  let from = start;
  for (const [name] of path.matchAll(/"(?:[^"\\]|\\.)*"|[\p{L}_$][\p{L}\p{N}_$-]*/gu)) {
    const key = name.startsWith('"') ? JSON.parse(name) as string : name;
    const pattern = new RegExp(`(?<![\\w$.])(?:["'\`]${escape(key)}["'\`]|${escape(key)})\\s*(?::|,|\\(\\))`, "g");
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    if (match === null || match.index > end) break;
    found = match.index;
    from = found + match[0].length;
  }
  return found;
}

/** Where the bracket that is open at an index closes. Strings and comments are passed over. */
function closing(text: string, start: number): number {
  let depth = 1;
  const token = /\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|[()[\]{}]/g;
  token.lastIndex = start;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if ("([{".includes(match[0])) depth++;
    else if (")]}".includes(match[0]) && --depth === 0) return match.index;
  }
  return text.length;
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
