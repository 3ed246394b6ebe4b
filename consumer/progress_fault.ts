/** Why `events.save_progress` changes nothing: the SQLSTATE that it fails with. */
export const ProgressFault = {
  /** Another worker has taken over, or the checkpoint is not where this one has left it: the database has lost commits. */
  LEASE_LOST: "EP001",
  /** The transaction is not the one that the work was begun in. */
  TRANSACTION_ENDED: "EP002",
  /** Some of the events have been handled before. */
  ALREADY_HANDLED: "EP003",
} as const;
