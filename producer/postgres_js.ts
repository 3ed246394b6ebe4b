import type { Driver, DriverRow } from "@events-pipeline/common/driver";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql, TransactionSql } from "postgres";

/** postgres.js. */
export const postgresJs: Driver<Sql, TransactionSql> = {
  name: "postgres.js",
  begins: "sql.begin",
  isTransaction: (value) => "savepoint" in value,
  // `unsafe` prepares nothing unless told to; told to, it follows the pool's setting.
  run: async (tx, statement, parameters): Promise<readonly DriverRow[]> =>
    await tx.unsafe(statement, [...parameters], { prepare: true }),
  begin: (pool, act) => transaction(pool, {}, act),
  nest: async <T>(tx: TransactionSql, act: (tx: TransactionSql) => Promise<T>): Promise<T> =>
    await tx.savepoint(act) as T,
};
