import { S3ServiceException } from "@aws-sdk/client-s3";

/** A request to S3 has failed. */
export class S3Error extends Error {
  /** The error's name, `S3Error`. */
  override readonly name = "S3Error";
  /** What S3 or the client calls it: `SlowDown`, `AccessDenied`, `TimeoutError`. */
  readonly kind: string;

  /** Made from what the client has thrown. */
  constructor(message: string, kind: string, cause: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** The HTTP status of S3's answer, if it has answered. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** Whether S3 says that there is no such object. */
export function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === "NoSuchKey" || error.name === "NotFound");
}

/** The client's errors often have no message but a name and a status. */
export function explained(error: unknown, act: string): S3Error {
  const status = statusOf(error);
  const kind = kindOf(error, status);
  const told = status === undefined || kind.startsWith("HTTP") ? kind : `${kind} (HTTP ${status})`;
  return new S3Error(`Cannot ${act}: ${told}`, kind, error);
}

function kindOf(error: unknown, status: number | undefined): string {
  if (!(error instanceof Error)) return "error";
  if (error.name === "Error" && "code" in error && typeof error.code === "string") return error.code;
  // An answer to HEAD has no body, so the client knows the status alone, and makes a name of it.
  return /^(?:\d+|Unknown.*)$/.test(error.name) && status !== undefined ? `HTTP ${status}` : error.name;
}
