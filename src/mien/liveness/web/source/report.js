import { PROTOCOL } from "./channel.js";
import { version } from "./names.js";

// What the client tells about itself: claims, which the server keeps with the attempt. See docs/liveness-protocol.md.

const bytes = (text) => new TextEncoder().encode(text);
const sha256 = async (content) => new Uint8Array(await crypto.subtle.digest("SHA-256", content));
const hex = (content) => Array.from(content, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Show that this file is the server's: a digest of it, bound to the session's nonce.
 *
 * @returns {Promise<string | undefined>} none when the file was bundled with others, or cannot be read
 */
async function proof(nonce) {
  const address = String(import.meta.url);
  if (!nonce || !new URL(address, "https://none.invalid").pathname.endsWith("/mien-face-liveness.js")) return undefined;
  try {
    const answer = await fetch(address, { cache: "force-cache", credentials: "omit", signal: AbortSignal.timeout(3000) });
    if (!answer.ok) return undefined;
    const script = await sha256(await answer.arrayBuffer());
    return hex(await sha256(await new Blob([bytes(`${PROTOCOL} client\n${nonce}\n`), script]).arrayBuffer()));
  } catch {
    return undefined; // a policy of the page forbids it
  }
}

/** Name, version and proof of this client, for `hello`. */
export async function aboutClient(nonce) {
  const own = await proof(nonce);
  return { name: "mien-face-liveness", version, ...(own ? { proof: own } : {}) };
}

/** A camera, for `hello`. */
export function aboutCamera({ label, settings }, cameras) {
  const { width, height, frameRate, facingMode } = settings;
  const told = { label, width, height, frameRate, facingMode, cameras };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined && value !== ""));
}

/** How the frames of a challenge were taken, for `end`. Times are in ms by performance.now(). */
export class CaptureReport {
  constructor() {
    this.sources = new Set();
    this.delays = [];
    this.dropped = 0;
  }

  /** A frame was sent that was taken at a time, which the source tells. */
  sent(taken, source) {
    this.sources.add(source);
    this.delays.push(performance.now() - taken);
  }

  /** @param {{rate?: number, roundTrips: number[]}} measured before the challenge */
  json({ rate, roundTrips }) {
    const delays = [...this.delays].sort((a, b) => a - b);
    const weakest = ["clock", "callback", "camera"].find((source) => this.sources.has(source));
    const told = {
      timestamps: weakest,
      captured: delays.length,
      dropped: this.dropped,
      delayMs: delays[delays.length >> 1],
      longestDelayMs: delays.at(-1),
      roundTripMs: [...roundTrips].sort((a, b) => a - b)[roundTrips.length >> 1],
      frameRate: rate,
    };
    const rounded = Object.entries(told).map(([name, value]) => [name, typeof value === "number" ? Math.round(value * 10) / 10 : value]);
    return Object.fromEntries(rounded.filter(([, value]) => value !== undefined && value !== Infinity));
  }
}
