/** A user and group to run a server as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

async function idOf(user: string, flag: "-u" | "-g"): Promise<number | undefined> {
  const { success, stdout } = await new Deno.Command("id", {
    args: [flag, user],
    stdin: "null",
    stderr: "null",
  }).output();
  return success ? Number(new TextDecoder().decode(stdout)) : undefined;
}

/**
 * The account to run a server as: for root the first of these users that exists, for anybody
 * else `undefined`, meaning their own. PostgreSQL refuses to run as root, and Redis should.
 */
export async function serverAccount(users: readonly string[]): Promise<Account | undefined> {
  if (Deno.uid() !== 0) return undefined;
  for (const user of users) {
    const uid = await idOf(user, "-u");
    const gid = await idOf(user, "-g");
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error(`Cannot run a server as root: none of the users ${users.join(", ")} exists`);
}
