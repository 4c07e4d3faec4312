import { LivenessDetectionError, LivenessError, Reason } from "./names.js";
import { sleep, within } from "./waiting.js";

export const PROTOCOL = "mien-liveness.1";

export const POSITIONING_BIT = 0x80000000;

/** A frame as the channel carries it. */
export function frameMessage(time, sequence, jpeg) {
  const message = new Uint8Array(8 + jpeg.byteLength);
  const head = new DataView(message.buffer);
  head.setUint32(0, Math.max(0, Math.round(time)));
  head.setUint32(4, sequence >>> 0);
  message.set(new Uint8Array(jpeg), 8);
  return message;
}

export const lost = (message) => new LivenessDetectionError(LivenessError.UnexpectedServerError, message);
const broken = (message) => new LivenessDetectionError(LivenessError.UnexpectedServerError, message, { reason: Reason.ConnectionLost });
const silent = (message) => new LivenessDetectionError(LivenessError.ServerRequestTimedOut, message);

/** Messages to and from the server. `onMessage` gets objects, `onLost` one error when the connection is gone. */
class SocketChannel {
  static OPEN_MS = 8000;
  /** More than this unsent means that the network is too slow: frames are left out, so that the rest comes in time. */
  static FULL_BYTES = 256 * 1024;

  static async open(claims, hello) {
    const url = new URL(claims.route, claims.endpoint);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, PROTOCOL);
    socket.binaryType = "arraybuffer";
    const opened = new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("close", (event) => reject(silent(`no WebSocket: ${event.code}`)));
    });
    try {
      await within(opened, SocketChannel.OPEN_MS, LivenessError.ServerRequestTimedOut, "no WebSocket in time");
    } catch (error) {
      socket.close();
      throw error;
    }
    const channel = new SocketChannel(socket);
    channel.send(hello);
    return channel;
  }

  constructor(socket) {
    this.socket = socket;
    /** @type {(message: any) => void} */
    this.onMessage = () => {};
    /** @type {(error: Error) => void} */
    this.onLost = () => {};
    socket.addEventListener("message", (event) => {
      if (typeof event.data === "string") this.onMessage(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => this.onLost(broken(`the connection ended with ${event.code}`)));
  }

  get full() {
    return this.socket.bufferedAmount > SocketChannel.FULL_BYTES;
  }

  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(message instanceof Uint8Array ? message : JSON.stringify(message));
  }

  close() {
    this.onLost = () => {};
    this.socket.close(1000);
  }
}

const [TEXT, BINARY] = [1, 2];

/** The same over POSTs, for networks that break WebSockets. */
class PostChannel {
  static BODY_BYTES = 1024 * 1024;
  static POLL_MS = 200;
  static ANSWER_MS = 60000;

  static async open(claims, { token, ...hello }) {
    const url = `${new URL(claims.route, claims.endpoint)}/attempts`;
    const headers = { authorization: `Bearer ${token}` };
    const answer = await PostChannel.#post(url, { ...headers, "content-type": "application/json" }, JSON.stringify(hello));
    return new PostChannel(`${url}/${encodeURIComponent(answer.channel)}`, headers, answer.messages);
  }

  static async #post(url, headers, body, keepalive = false) {
    let response;
    try {
      const signal = AbortSignal.timeout(PostChannel.ANSWER_MS);
      response = await fetch(url, { method: "POST", headers, body, signal, keepalive, credentials: "omit", cache: "no-store" });
    } catch (error) {
      throw silent(`no answer: ${error?.message}`);
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const told = answer?.error?.innererror?.details ?? {};
    const named = told.livenessError in LivenessError ? told.livenessError : null;
    const kind = response.status >= 500 ? LivenessError.UnexpectedServerError : LivenessError.UnexpectedClientError;
    const other = response.status === 401 ? LivenessError.InvalidToken : kind;
    throw new LivenessDetectionError(named ?? other, answer?.error?.message ?? `HTTP ${response.status}`, told);
  }

  constructor(url, headers, first) {
    this.url = url;
    this.headers = { ...headers, "content-type": "application/octet-stream" };
    /** @type {(message: any) => void} */
    this.onMessage = () => {};
    /** @type {(error: Error) => void} */
    this.onLost = () => {};
    this.queue = [];
    this.bytes = 0;
    this.open = true;
    setTimeout(() => this.#run(first)); // once somebody listens
  }

  get full() {
    return this.bytes > SocketChannel.FULL_BYTES;
  }

  send(message) {
    const binary = message instanceof Uint8Array;
    const content = binary ? message : new TextEncoder().encode(JSON.stringify(message));
    const framed = new Uint8Array(5 + content.byteLength);
    framed[0] = binary ? BINARY : TEXT;
    new DataView(framed.buffer).setUint32(1, content.byteLength);
    framed.set(content, 5);
    this.queue.push(framed);
    this.bytes += framed.byteLength;
  }

  async #run(messages) {
    try {
      for (;;) {
        for (const message of messages) this.onMessage(message);
        if (!this.open) break;
        if (!this.queue.length) await sleep(PostChannel.POLL_MS);
        ({ messages } = await PostChannel.#post(this.url, this.headers, this.#take()));
      }
      if (this.queue.length) await PostChannel.#post(this.url, this.headers, this.#take(), true);
    } catch (error) {
      this.onLost(error);
    }
  }

  #take() {
    const parts = [];
    let size = 0;
    while (this.queue.length && size + this.queue[0].byteLength <= PostChannel.BODY_BYTES) {
      parts.push(this.queue.shift());
      size += parts.at(-1).byteLength;
    }
    this.bytes -= size;
    return new Blob(parts);
  }

  /** Close after what was said last; frames that have not gone yet need not go. */
  close() {
    this.open = false;
    this.onLost = () => {};
    this.onMessage = () => {};
    this.queue = this.queue.filter((framed) => framed[0] === TEXT);
  }
}

/** Connect by WebSocket; by POSTs where that does not come about. */
export async function connect(claims, hello) {
  try {
    return await SocketChannel.open(claims, hello);
  } catch {
    return PostChannel.open(claims, hello);
  }
}

/** Hashes what is sent, so that client and server can tell that it arrived unchanged. */
export class Digest {
  constructor(sessionId) {
    this.sessionId = sessionId;
    this.hashes = [];
  }

  add(message) {
    this.hashes.push(crypto.subtle.digest("SHA-256", message));
  }

  async hex(attemptId) {
    const head = new TextEncoder().encode(`${PROTOCOL}\n${this.sessionId}\n${attemptId}\n`);
    const whole = await new Blob([head, ...(await Promise.all(this.hashes))]).arrayBuffer();
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
    return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
  }
}
