import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** How people prove who they are. With neither a token nor a header anybody on this machine is let in. */
export interface AccessOptions {
  /** A secret of 32 characters or more. @default none */
  readonly token?: string | undefined;
  /** The header in which a reverse proxy tells who it has let in. With a token, the proxy must send that too. @default none */
  readonly proxyHeader?: string | undefined;
}

/** The name of the cookie that says somebody has logged in. */
export const SESSION_COOKIE = "events_console";

/** How long a login lasts. */
export const SESSION_MS: number = 12 * 3_600_000;

/** Decides who is let in, and whose form it is. */
export class Access {
  readonly #options: AccessOptions;
  /** Of this process: logins and forms end with it. */
  readonly #secret = randomBytes(32);

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Whether nobody is let in who does not know the token. */
  get needsToken(): boolean {
    return this.#options.token !== undefined;
  }

  /** Whether people log in with the token, in a form. */
  get hasLogin(): boolean {
    return this.#options.token !== undefined && this.#options.proxyHeader === undefined;
  }

  /** Who sends a request; `undefined` for somebody unknown. */
  actorOf(headers: Headers, session: string | undefined, now: number): string | undefined {
    const { token, proxyHeader } = this.#options;
    const hasToken = token !== undefined && this.isToken(/^Bearer (.+)$/.exec(headers.get("authorization") ?? "")?.[1]);
    if (proxyHeader !== undefined) {
      const actor = headers.get(proxyHeader)?.slice(0, 200);
      return actor && (token === undefined || hasToken) ? actor : undefined;
    }
    if (token === undefined) return "local";
    return hasToken || this.#isSession(session, now) ? "token" : undefined;
  }

  /** Whether a text is the token, in a time that tells nothing. */
  isToken(text: string | undefined): boolean {
    const digest = (value: string): Uint8Array => createHash("sha256").update(value).digest();
    return this.#options.token !== undefined && text !== undefined &&
      timingSafeEqual(digest(text), digest(this.#options.token));
  }

  /** The value of the cookie of somebody who has logged in now. */
  session(now: number): string {
    const expires = String(now + SESSION_MS);
    return `${expires}.${this.#sign(`session ${expires}`)}`;
  }

  /** What each form of somebody carries: another site cannot know it. */
  csrf(actor: string, session: string | undefined): string {
    return this.#sign(`form ${JSON.stringify([actor, session ?? ""])}`);
  }

  /** Whether a form is somebody's own. */
  isCsrf(text: unknown, actor: string, session: string | undefined): boolean {
    return typeof text === "string" && same(text, this.csrf(actor, session));
  }

  #isSession(session: string | undefined, now: number): boolean {
    const [expires = "", signature = ""] = session?.split(".") ?? [];
    return same(signature, this.#sign(`session ${expires}`)) && Number(expires) > now;
  }

  #sign(text: string): string {
    return createHmac("sha256", this.#secret).update(text).digest("base64url");
  }
}

function same(a: string, b: string): boolean {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Whether a host name or address is this machine's own. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
