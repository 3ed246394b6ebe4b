/** Errors are kept up to so many characters. */
const ERROR_LENGTH = 4_000;

/** An error's text as the tables can keep it: not too long, and without the character that PostgreSQL's texts cannot have. */
export function errorText(text: string): string {
  return text.slice(0, ERROR_LENGTH).replaceAll("\0", "\uFFFD");
}
