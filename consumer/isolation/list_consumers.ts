import type { ProgramCall } from "./own_program.ts";

/**
 * Asks another process for the names of the consumers, so that this one loads no handlers.
 *
 * @param call how `--list` is called; what it prints last is the names as JSON
 * @param signal ends the asking
 * @returns none when the signal fired
 * @throws {Error} it failed; it has told why on standard error
 */
export async function listConsumers(
  { program, args, environment }: ProgramCall,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { code, stdout } = await new Deno.Command(program, {
    args: [...args],
    env: { ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal,
  }).output();
  if (signal.aborted) return [];
  // Handlers files may print something when they are loaded.
  const text = new TextDecoder().decode(stdout).trimEnd();
  if (code === 0) return JSON.parse(text.split("\n").at(-1)!);
  throw new Error(`Cannot isolate consumers: their names cannot be read, exit code ${code}`);
}
