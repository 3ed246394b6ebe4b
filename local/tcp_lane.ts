import type { Socket } from "node:net";

/** What the network does to both directions of a connection at the moment. */
export interface Weather {
  /** Whether nothing passes. */
  readonly stalled: boolean;
  /** How long each byte is on its way, in milliseconds. */
  readonly delayMs: number;
  /**
   * Takes bytes that are about to be delivered, and may change the weather.
   *
   * @returns how many of them may pass; if fewer than `bytes` and it is not stalled, the connection is cut after them
   */
  admit(direction: Direction, bytes: number): number;
}

/** Which way bytes go. */
export type Direction = "toServer" | "toClient";

/** What is on its way: bytes, the end of the sender's bytes, or a reset. */
interface Parcel {
  readonly bytes: Uint8Array | "end" | "reset";
  readonly sentAt: number;
}

/** So much is taken from a sender before it is kept waiting: what a real network holds of a stalled connection. */
const HELD_BYTES = 256 * 1024;

/** One direction of a proxied connection: takes bytes from one socket and delivers them, in order, to the other. */
export class TcpLane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: Direction;
  readonly #weather: Weather;
  readonly #cut: () => void;
  #parcels: Parcel[] = [];
  #held = 0;
  #draining = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param cut resets the connection */
  constructor(from: Socket, to: Socket, direction: Direction, weather: Weather, cut: () => void) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#weather = weather;
    this.#cut = cut;
    from.on("data", (bytes: Uint8Array) => this.#take(bytes));
    from.on("end", () => this.#take("end"));
    from.on("error", () => this.#take("reset"));
    to.on("drain", () => {
      this.#draining = false;
      this.deliver();
    });
  }

  /** Delivers what may be delivered by now. */
  deliver(): void {
    clearTimeout(this.#timer);
    while (this.#parcels.length > 0 && !this.#weather.stalled && !this.#draining) {
      const { bytes, sentAt } = this.#parcels[0]!;
      const waitMs = sentAt + this.#weather.delayMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.deliver(), waitMs);
        return;
      }
      this.#parcels.shift();
      if (bytes === "reset") return this.#cut();
      if (bytes === "end") {
        this.#to.end();
        continue;
      }
      const passing = this.#weather.admit(this.#direction, bytes.length);
      const [now, later] = [bytes.subarray(0, passing), bytes.subarray(passing)];
      if (later.length > 0 && !this.#weather.stalled) {
        this.clear();
        if (now.length === 0) return this.#cut();
        this.#to.write(now, this.#cut);
        return;
      }
      this.#held -= now.length;
      if (now.length > 0) this.#draining = !this.#to.write(now);
      if (later.length > 0) this.#parcels.unshift({ bytes: later, sentAt });
    }
    if (this.#held < HELD_BYTES) this.#from.resume();
  }

  /** Drops what is on its way. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#parcels = [];
    this.#held = 0;
  }

  #take(bytes: Parcel["bytes"]): void {
    this.#parcels.push({ bytes, sentAt: performance.now() });
    if (typeof bytes !== "string") this.#held += bytes.length;
    if (this.#held >= HELD_BYTES) this.#from.pause();
    this.deliver();
  }
}
