import { getPrismaClient } from "@prisma/client/runtime/client";
import type { PrismaPg } from "@prisma/adapter-pg";

/** What the tests use of a Prisma client. */
export interface PrismaTestClient {
  $queryRawUnsafe(query: string, ...values: unknown[]): Promise<unknown>;
  $executeRawUnsafe(query: string, ...values: unknown[]): Promise<number>;
  $transaction<R>(act: (tx: PrismaTestTransaction) => Promise<R>, options?: { maxWait?: number }): Promise<R>;
  $connect(): Promise<void>;
  $disconnect(): Promise<void>;
}

/** What `$transaction` hands to its function. */
export type PrismaTestTransaction = Omit<PrismaTestClient, "$transaction" | "$connect" | "$disconnect">;

/**
 * A Prisma client as `prisma generate` (7.10, provider `prisma-client`, `engineType = "client"`) writes it for a schema without models.
 * Generating it here would download an engine that such a client does not use.
 */
export function openPrisma(adapter: PrismaPg): PrismaTestClient {
  const Client = getPrismaClient({
    previewFeatures: [],
    clientVersion: "7.10.0",
    engineVersion: "",
    activeProvider: "postgresql",
    inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
    runtimeDataModel: { models: {}, enums: {}, types: {} },
    parameterizationSchema: { strings: [], graph: "AAAA" },
    compilerWasm: {
      getRuntime: async () => await import("@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs"),
      getQueryCompilerWasmModule: async () => {
        const { wasm } = await import("@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs");
        return new WebAssembly.Module(Uint8Array.from(atob(wasm), (letter) => letter.charCodeAt(0)));
      },
      importName: "./query_compiler_fast_bg.js",
    },
  } as never);
  return new Client({ adapter }) as unknown as PrismaTestClient;
}
