import type { RedisTarget } from "./redis_url.ts";

/** Certificates for TLS connections to Redis, each as PEM text. Node's clients and Deno's know the public authorities by themselves. */
export interface RedisTls {
  /** The authority that has signed the servers' certificates. @default the public ones, and Deno's `DENO_CERT` */
  readonly ca?: string | undefined;
  /** The certificate by which this client proves who it is. @default none */
  readonly cert?: string | undefined;
  /** The private key of `cert`. @default none */
  readonly key?: string | undefined;
}

/**
 * The options of a TLS socket to the servers of a target; `undefined` where there is no TLS.
 *
 * @throws {TypeError} certificates are given for connections without TLS, or only one of `cert` and `key`
 */
export function tlsOptions({ tls }: Pick<RedisTarget, "tls">, { ca, cert, key }: RedisTls): RedisTls | undefined {
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Cannot use the Redis client certificate: it needs both a certificate and its key");
  }
  if (!tls) {
    if (ca === undefined && cert === undefined) return undefined;
    throw new TypeError("Cannot use certificates for Redis: its URL begins with redis, and only rediss asks for TLS");
  }
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert, key }) };
}
