/**
 * For tests of your handlers: one event in a transaction that is rolled back, or a worker in the test's own process that tells when it has
 * caught up. It works with every test runner.
 *
 * @module
 */
export { type HandlerRun, runHandler, type RunHandlerOptions, type RunOutcome } from "./run_handler.ts";
export { startWorker, type TestWorker, type TestWorkerOptions, type WaitOptions } from "./start_worker.ts";
