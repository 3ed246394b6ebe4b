import { assertEquals, assertRejects } from "@std/assert";
import { aptInstall } from "./apt.ts";
import { ServerError } from "./server.ts";
import { exists } from "./testdata/traces.ts";

/** Stands in for apt-get: notes what it is told and whether the policy is there. */
const APT = `#!/bin/sh
cd "$(dirname "$0")"
mkdir busy || echo overlapping >>notes
echo "$1 $([ -x policy ] && ./policy; echo $?)" >>notes
sleep 0.1
rmdir busy
case $* in *missing) echo "No such package"; exit 100;; esac
`;

interface Place {
  readonly lock: string;
  readonly policy: string;
  readonly program: string;
  readonly notes: () => Promise<string>;
}

async function withApt(use: (place: Place) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/apt`, APT, { mode: 0o755 });
    await use({
      lock: `${folder}/lock`,
      policy: `${folder}/policy`,
      program: `${folder}/apt`,
      notes: () => Deno.readTextFile(`${folder}/notes`),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("aptInstall() lets two installations take turns, with services forbidden", () =>
  withApt(async (place) => {
    await Promise.all([aptInstall("one", place), aptInstall("two", place)]);
    assertEquals(await place.notes(), "update 101\ninstall 101\n".repeat(2));
    assertEquals(await exists(place.policy), false);
  }));

Deno.test("aptInstall() leaves a policy alone that somebody else made", () =>
  withApt(async (place) => {
    await Deno.writeTextFile(place.policy, "#!/bin/sh\nexit 104\n", { mode: 0o755 });
    await aptInstall("one", place);
    assertEquals(await place.notes(), "update 104\ninstall 104\n");
    assertEquals(await exists(place.policy), true);
  }));

Deno.test("aptInstall() tells what apt-get said when it fails", () =>
  withApt(async (place) => {
    await assertRejects(
      () => aptInstall("missing", place),
      ServerError,
      "Cannot install missing: apt-get exited with code 100\nNo such package",
    );
    assertEquals(await exists(place.policy), false);
  }));
