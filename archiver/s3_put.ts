import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { type ObjectHead, OtherObjectError, type PutOptions, type PutReport } from "./object_store.ts";
import { explained, isMissing, statusOf } from "./s3_error.ts";
import { CONTENT_ENCODING, CONTENT_TYPE } from "./segment.ts";

/** How objects are put. */
export interface S3PutOptions {
  /** How the store encrypts them: `AES256`, `aws:kms` or `aws:kms:dsse`. @default the bucket's setting */
  readonly encryption?: S3Encryption | undefined;
  /** The id of the key, for the latter two. @default the account's own */
  readonly kmsKeyId?: string | undefined;
  /** In which storage class they are. @default the bucket's ordinary one */
  readonly storageClass?: string | undefined;
  /** A longer object is put in parts of so many bytes; at least 5 MiB. @default 16777216 */
  readonly partBytes?: number | undefined;
}

/** How S3 can encrypt objects. */
export type S3Encryption = "AES256" | "aws:kms" | "aws:kms:dsse";

/** Where an object goes. */
interface Place {
  readonly Bucket: string;
  readonly Key: string;
}

/** One object that is put. */
interface Call {
  readonly place: Place;
  readonly head: ObjectHead;
  readonly signal: AbortSignal | undefined;
  retries: number;
}

/** What came of a request. */
interface Answer {
  readonly ServerSideEncryption?: string | undefined;
  readonly $metadata: { readonly attempts?: number | undefined };
}

/** So many parts of an object are on their way at once. */
const PARTS_AT_ONCE = 3;

const UNCONDITIONAL =
  "The store does not know conditional writes (If-None-Match): the archiver looks whether an object exists before it " +
  "puts it. Two archivers that write at the very same time write the same object, so nothing is lost by that; another program that " +
  "writes under the archive's keys is not kept from it";

/**
 * Puts objects into a bucket, each once: what is there is never written over. Where the store has conditional writes, it sees to that
 * itself; whether it has them is found out with the first object, by putting it a second time.
 */
export class S3Writer {
  readonly #client: S3Client;
  readonly #options: S3PutOptions;
  #conditional: boolean | undefined;
  #unencrypted = false;

  constructor(client: S3Client, options: S3PutOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Puts an object. */
  async put(place: Place, body: Uint8Array, head: ObjectHead, { signal }: PutOptions = {}): Promise<PutReport> {
    const call: Call = { place, head, signal, retries: 0 };
    try {
      await this.#put(call, body);
    } catch (error) {
      if (error instanceof OtherObjectError || signal?.aborted) throw error;
      throw explained(error, `put ${place.Key} into the bucket ${place.Bucket}`);
    }
    const { encryption } = this.#options;
    return {
      retries: call.retries,
      conditional: this.#conditional,
      notes: [
        ...(this.#conditional === false ? [UNCONDITIONAL] : []),
        ...(this.#unencrypted ? [`The store does not confirm that it encrypts objects with ${encryption}`] : []),
      ],
    };
  }

  async #put(call: Call, body: Uint8Array): Promise<void> {
    const inParts = body.length > (this.#options.partBytes ?? 16 * 1024 * 1024);
    // There are stores that heed the condition when an object is put, and not when its parts are put together.
    if (this.#conditional !== true || inParts) {
      if (await this.#exists(call)) return;
    }
    if (inParts) return await this.#putParts(call, body);
    const outcome = await this.#putWhole(call, body);
    if (outcome === "exists") {
      if (await this.#exists(call)) return;
      throw new Error(`Cannot put ${call.place.Key}: the store says that it exists, and that it does not`);
    }
    if (this.#conditional !== undefined) return;
    // The very same object: it does no harm where the store does not heed the condition.
    this.#conditional = await this.#putWhole(call, body) === "exists";
  }

  /**
   * Whether the object is there already.
   *
   * @throws {OtherObjectError} another one is
   */
  async #exists(call: Call): Promise<boolean> {
    const { place, head } = call;
    try {
      const present = await this.#send((options) => this.#client.send(new HeadObjectCommand(place), options), call);
      if (present.Metadata?.["sha256"] === head.sha256) return true;
      throw new OtherObjectError(
        `Cannot put ${place.Key}: the bucket ${place.Bucket} holds another object under this key, with the SHA-256 ` +
          `${present.Metadata?.["sha256"]} instead of ${head.sha256}`,
      );
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async #putWhole(call: Call, body: Uint8Array): Promise<"put" | "exists"> {
    const { place, head } = call;
    const condition = this.#conditional === false ? {} : { IfNoneMatch: "*" };
    const input = { ...place, ...this.#attributes(head), ...condition, Body: body, ContentLength: body.length };
    try {
      const answer = await this.#send((options) => this.#client.send(new PutObjectCommand(input), options), call);
      this.#look(answer);
      return "put";
    } catch (error) {
      if (statusOf(error) === 412) {
        this.#conditional = true;
        return "exists";
      }
      if (this.#conditional !== undefined || statusOf(error) !== 501) throw error;
      this.#conditional = false; // "A header you provided implies functionality that is not implemented."
      return await this.#putWhole(call, body);
    }
  }

  async #putParts(call: Call, body: Uint8Array): Promise<void> {
    const { place, head, signal } = call;
    const { partBytes = 16 * 1024 * 1024 } = this.#options;
    const create = new CreateMultipartUploadCommand({ ...place, ...this.#attributes(head) });
    const created = await this.#send((options) => this.#client.send(create, options), call);
    this.#look(created);
    const upload = { ...place, UploadId: created.UploadId };
    try {
      const parts: { PartNumber: number; ETag: string | undefined }[] = [];
      const count = Math.ceil(body.length / partBytes);
      let next = 0;
      const failed = new AbortController();
      const scope = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
      await Promise.all(Array.from({ length: PARTS_AT_ONCE }, async () => {
        while (next < count && !scope.aborted) {
          const part = next++;
          const bytes = body.subarray(part * partBytes, (part + 1) * partBytes);
          const input = { ...upload, PartNumber: part + 1, Body: bytes, ContentLength: bytes.length };
          try {
            const { ETag, ...rest } = await this.#send(
              (options) => this.#client.send(new UploadPartCommand(input), options),
              call,
              scope,
            );
            parts[part] = { PartNumber: part + 1, ETag, ...checksumsOf(rest) };
          } catch (error) {
            failed.abort(error);
            throw error;
          }
        }
      }));
      signal?.throwIfAborted();
      const condition = this.#conditional === true ? { IfNoneMatch: "*" } : {};
      const complete = new CompleteMultipartUploadCommand({
        ...upload,
        ...condition,
        MultipartUpload: { Parts: parts },
      });
      await this.#send((options) => this.#client.send(complete, options), call);
    } catch (error) {
      // Or the parts stay, and are paid for, until a rule of the bucket clears them away.
      await this.#client.send(new AbortMultipartUploadCommand(upload)).catch(() => {});
      if (statusOf(error) === 412 && await this.#exists(call)) return;
      throw error;
    }
  }

  #attributes(head: ObjectHead) {
    const { encryption, kmsKeyId, storageClass } = this.#options;
    return {
      ContentType: CONTENT_TYPE,
      ContentEncoding: CONTENT_ENCODING,
      Metadata: { sha256: head.sha256, count: String(head.count) },
      ...(encryption === undefined ? {} : { ServerSideEncryption: encryption }),
      ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
      ...(storageClass === undefined ? {} : { StorageClass: storageClass as "STANDARD" }),
    };
  }

  /** Sends a request, and counts how often it took. */
  async #send<T extends Answer>(
    send: (options: { readonly abortSignal?: AbortSignal }) => Promise<T>,
    call: Call,
    signal: AbortSignal | undefined = call.signal,
  ): Promise<T> {
    const answer = await send(signal === undefined ? {} : { abortSignal: signal });
    call.retries += (answer.$metadata.attempts ?? 1) - 1;
    return answer;
  }

  #look(answer: Answer): void {
    const { encryption } = this.#options;
    this.#unencrypted = encryption !== undefined && answer.ServerSideEncryption !== encryption;
  }
}

/** The checksums that the client has made of a part: the store wants to see them again. */
function checksumsOf(answer: { readonly ChecksumCRC32?: string | undefined }): { ChecksumCRC32?: string } {
  return answer.ChecksumCRC32 === undefined ? {} : { ChecksumCRC32: answer.ChecksumCRC32 };
}
