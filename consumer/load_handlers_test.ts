import { describeError } from "@events-pipeline/common/logger";
import { assertMatch, assertRejects } from "@std/assert";
import { loadHandlers } from "./load_handlers.ts";

const unloadable: Readonly<Record<string, readonly [text: string, why: RegExp]>> = {
  "has a syntax error": ["export const x = {", /Cannot load handlers from '\S+\/handlers\.ts': .*Unexpected token/],
  "throws": ['throw new Error("no licence");', /Cannot load handlers from '\S+\/handlers\.ts': no licence$/],
  "imports what is not there": ['import "nowhere";', /Cannot load handlers from '\S+\/handlers\.ts': Import "nowhere"/],
  "exports no consumer": [
    "export const x = 1;",
    /Cannot load handlers from '\S+\/handlers\.ts': it exports no consumer$/,
  ],
};

for (const [what, [text, why]] of Object.entries(unloadable)) {
  Deno.test(`loadHandlers() names a file that ${what}, and says so without colours`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/handlers.ts`, text);
      const error = await assertRejects(() => loadHandlers([`${folder}/handlers.ts`]));
      assertMatch(describeError(error).replaceAll("\n", " "), why);
      // deno-lint-ignore no-control-regex
      assertMatch(describeError(error), /^[^\u001b]+$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
