/**
 * <mien-face-liveness>: shows that the person before the camera is there, for a session of a Mien server.
 *
 *     import "./mien-face-liveness.js";
 *     const detector = document.createElement("mien-face-liveness");
 *     document.body.append(detector);
 *     const { resultId, digest } = await detector.start(authToken);
 *
 * The element is also registered as `azure-ai-vision-face-ui`, with the same surface, and in the older shape
 * `azure-ai-vision-faceanalyzer`. One file, no dependencies; nothing in it evaluates text, sets HTML or
 * writes style attributes, so that it runs under a strict content security policy and under trusted types.
 *
 * The channel that it speaks is written down in docs/liveness-protocol.md ("mien-liveness.1").
 */

// ---------------------------------------------------------------- names

const version = "1.1.0";

const names = (...list) => Object.freeze(Object.fromEntries(list.map((name) => [name, name])));

/** Why an attempt gave no result: `livenessError` of the rejection. */
const LivenessError = names(
  "None", "TimedOut", "InvalidToken", "CameraPermissionDenied", "CameraStartupFailure", "NoFaceDetected",
  "FaceTrackingFailed", "SmileNotPerformed", "HeadTurnNotPerformed", "ServerRequestTimedOut",
  "FaceMouthRegionNotVisible", "FaceEyeRegionNotVisible", "ExcessiveImageBlurDetected", "ExcessiveFaceBrightness",
  "FaceWithMaskDetected", "EnvironmentNotSupported", "UserCanceledSession", "UserCanceledActiveMotion",
  "UserCanceledActiveMotionPrompt", "UnexpectedClientError", "UnexpectedServerError", "ClientVersionNotSupported",
  "VerifyImageNotProvided", "Unexpected",
);

/** What hindered recognition: `recognitionError` of the rejection. */
const RecognitionError = names(
  "None", "GenericFailure", "FaceNotFrontal", "FaceEyeRegionNotVisible", "ExcessiveFaceBrightness",
  "ExcessiveImageBlurDetected", "FaceNotFound", "MultipleFaceFound", "ContentDecodingError", "ImageSizeIsTooLarge",
  "ImageSizeIsTooSmall", "UnsupportedMediaType", "FaceMouthRegionNotVisible", "FaceWithMaskDetected",
);

/** What `start` rejects with. */
class LivenessDetectionError extends Error {
  /**
   * @param {string} livenessError a name of `LivenessError`
   * @param {string} [message] for developers; not shown to the person
   * @param {{recognitionError?: string, reason?: string, attemptsLeft?: number, retryAfterSeconds?: number}} [more]
   */
  constructor(livenessError, message = "", more = {}) {
    super(message || livenessError);
    this.name = "LivenessDetectionError";
    this.livenessError = livenessError;
    this.recognitionError = more.recognitionError ?? RecognitionError.None;
    if (more.reason) this.reason = more.reason;
    if (more.attemptsLeft !== undefined) this.attemptsLeft = more.attemptsLeft;
    if (more.retryAfterSeconds) this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

/** What the component itself found, in more detail than `livenessError` tells: `reason` of the rejection. */
const Reason = names(
  "CameraForbidden", "CameraMissing", "CameraInUse", "CameraVirtual", "CameraSlow", "SceneDark", "SceneBright", "ConnectionLost",
);

/** The rejection of somebody who stops. */
const canceled = () => new LivenessDetectionError(LivenessError.UserCanceledSession);

// ---------------------------------------------------------------- waiting

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The promise's value, or a rejection with `livenessError` when it takes longer than `ms`. */
function within(promise, ms, livenessError, message) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new LivenessDetectionError(livenessError, message)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Ends everything that waits, with one error: the person's, the server's or the browser's. */
class Stop {
  constructor() {
    this.reason = null;
    this.promise = new Promise((_resolve, reject) => {
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }

  now(error) {
    this.reason ??= error;
    this.reject(error);
  }

  /** The promise's value unless the attempt is stopped before. */
  race(promise) {
    return Promise.race([promise, this.promise]);
  }
}

// ---------------------------------------------------------------- camera

const DENIED = new Set(["NotAllowedError", "PermissionDeniedError", "SecurityError"]);
const MISSING = new Set(["NotFoundError", "DevicesNotFoundError", "OverconstrainedError", "ConstraintNotSatisfiedError"]);
const IN_USE = new Set(["NotReadableError", "TrackStartError", "AbortError"]);

/**
 * Parts of the names under which programs offer pictures of their own as a camera, in lower case: those that the server
 * refuses, too. A name is a hint: anybody can change one.
 */
const VIRTUAL = [
  "virtual", "obs-camera", "obs camera", "manycam", "snap camera", "xsplit", "splitcam", "sparkocam", "youcam",
  "webcamoid", "akvcam", "v4l2loopback", "v4l2 loopback", "dummy video", "droidcam", "iriun", "epoccam",
  "ivcam", "reincubate camo", "ndi webcam", "ndi video", "newtek ndi", "mmhmm", "camtwist", "altercam",
  "fakewebcam", "fake_device", "fake device", "screen-capture", "screen capture", "unity video capture",
  "vtubestudio", "vcam", "e2esoft", "avatarify", "deepfacelive", "facerig", "animaze", "prezi video",
  "chromacam", "evocam", "wirecast", "cyberlink webcam splitter", "logi capture", "spark camera", "fdcam",
];

const KEPT = "mien-face-liveness-camera";

/** Whether a camera, by its label, is a program's. */
const isVirtual = (label) => VIRTUAL.some((part) => label.toLowerCase().includes(part));

const failed = (message, reason = undefined, name = LivenessError.CameraStartupFailure) =>
  new LivenessDetectionError(name, message, { reason });

/** The camera that the person chose in this browser the last time. */
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // storage is shut off
  }
}

function keep(deviceId) {
  try {
    if (deviceId) localStorage.setItem(KEPT, deviceId);
    else localStorage.removeItem(KEPT);
  } catch {
    // then the choice holds for this page only
  }
}

class Camera {
  static READY_MS = 15000;
  /** How long pictures are counted; longer when there are few, because a browser is busy when a camera starts. */
  static LOOK_MS = 800;
  static LONGEST_LOOK_MS = 2000;
  /** Mean brightness in [0, 255] beyond which a face cannot be judged. */
  static DARK = 28;
  static BRIGHT = 238;

  constructor(stream) {
    this.stream = stream;
    this.track = stream.getVideoTracks()[0];
    this.settings = this.track.getSettings?.() ?? {};
  }

  /** Open the chosen camera, or the one that was chosen the last time, or the one that faces the person. */
  static async open(deviceId) {
    const known = deviceId ?? kept();
    try {
      return await Camera.#open(known);
    } catch (error) {
      if (deviceId || !known || error.reason !== Reason.CameraMissing) throw error;
      keep(null);
      return Camera.#open(null);
    }
  }

  static async #open(deviceId) {
    // Wider pictures would only show more of the room, with fewer pixels for the face once they are made smaller.
    const wanted = { width: { ideal: 960 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      return new Camera(await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...wanted, ...which } }));
    } catch (error) {
      const message = `${error?.name}: ${error?.message}`;
      if (DENIED.has(error?.name)) {
        const policy = /** @type {any} */ (document).featurePolicy;
        const forbidden = policy?.allowsFeature("camera") === false;
        throw failed(message, forbidden ? Reason.CameraForbidden : undefined, LivenessError.CameraPermissionDenied);
      }
      if (MISSING.has(error?.name)) throw failed(message, Reason.CameraMissing);
      throw failed(message, IN_USE.has(error?.name) ? Reason.CameraInUse : undefined);
    }
  }

  /** The cameras that may be used, once the person has allowed one. */
  static async list(allowVirtual) {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    const cameras = devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
    return cameras.filter(({ label }) => allowVirtual || !isVirtual(label));
  }

  /** Remember the person's choice. */
  static choose(deviceId) {
    keep(deviceId);
  }

  get label() {
    return this.track.label;
  }

  get deviceId() {
    return this.settings.deviceId;
  }

  /** Whether the person sees the picture as in a mirror: not that of a camera at the back. */
  get mirrored() {
    return this.settings.facingMode !== "environment";
  }

  /** Show the camera's picture in a video element; resolves when there is a picture. */
  async show(video) {
    video.srcObject = this.stream;
    const picture = new Promise((resolve) => {
      const look = () => video.videoWidth && video.readyState >= 2 && resolve();
      video.addEventListener("loadeddata", look);
      video.addEventListener("resize", look);
      look();
    });
    try {
      await within(Promise.all([video.play(), picture]), Camera.READY_MS, LivenessError.CameraStartupFailure, "no picture");
    } catch (error) {
      throw error instanceof LivenessDetectionError ? error : failed(`${error?.name}: ${error?.message}`);
    }
  }

  /**
   * Measure what a video shows of the camera.
   *
   * @returns {Promise<{rate: number, light: number}>} pictures a second, and their mean brightness in [0, 255]
   */
  static async measure(video, enough) {
    const count = () => video.getVideoPlaybackQuality().totalVideoFrames;
    const rate = async (ms) => {
      const [first, start] = [count(), performance.now()];
      await sleep(ms);
      return ((count() - first) * 1000) / (performance.now() - start);
    };
    let measured = enough ? await rate(Camera.LOOK_MS) : Infinity;
    if (measured < enough) measured = await rate(Camera.LONGEST_LOOK_MS - Camera.LOOK_MS);
    return { rate: measured, light: brightness(video) };
  }

  /** Call when the camera goes away while it is used. */
  onLost(callback) {
    this.track.addEventListener("ended", callback);
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
  }
}

/** Mean luma in [0, 255] of a video's picture. */
function brightness(video) {
  const side = 16;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const paint = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  paint.drawImage(video, 0, 0, side, side);
  const { data } = paint.getImageData(0, 0, side, side);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  return sum / (side * side);
}

// ---------------------------------------------------------------- channel

const PROTOCOL = "mien-liveness.1";

const POSITIONING_BIT = 0x80000000;

/** A frame as the channel carries it. */
function frameMessage(time, sequence, jpeg) {
  const message = new Uint8Array(8 + jpeg.byteLength);
  const head = new DataView(message.buffer);
  head.setUint32(0, Math.max(0, Math.round(time)));
  head.setUint32(4, sequence >>> 0);
  message.set(new Uint8Array(jpeg), 8);
  return message;
}

const lost = (message) => new LivenessDetectionError(LivenessError.UnexpectedServerError, message);
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
async function connect(claims, hello) {
  try {
    return await SocketChannel.open(claims, hello);
  } catch {
    return PostChannel.open(claims, hello);
  }
}

/** Hashes what is sent, so that client and server can tell that it arrived unchanged. */
class Digest {
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

// ---------------------------------------------------------------- challenge

/** WCAG 2.3.1 allows three general flashes, pairs of opposing changes, in any second. */
const CHANGES_PER_SECOND = 6;

/** Relative luminance in [0, 1] of "#RRGGBB". */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Whether red dominates so much that changes to and from it count whatever their luminance (WCAG 2.3.1). */
function saturatedRed(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return red > 0 && red / (red + green + blue) >= 0.8;
}

/** Whether colours change more often than is safe: the server never asks for that, and we would not show it. */
function flashesTooOften(flashes) {
  const changes = [];
  for (let at = 1; at < flashes.length; at++) {
    const [before, after] = [flashes[at - 1].color, flashes[at].color];
    const brighter = Math.abs(luminance(before) - luminance(after)) >= 0.1;
    if (brighter || saturatedRed(before) !== saturatedRed(after)) changes.push(flashes[at].startMs);
  }
  return changes.some((time, at) => changes[at + CHANGES_PER_SECOND] - time < 1000);
}

/** The challenge as the server sent it, or an error when this client cannot or will not show it. */
function readChallenge(message, withoutFlashes = false) {
  const { flashes, turns = [] } = message.challenge ?? {};
  const sound =
    Array.isArray(flashes) &&
    flashes.length > 0 &&
    flashes.every(({ color, startMs }) => /^#[0-9a-f]{6}$/i.test(color) && startMs >= 0) &&
    turns.every(({ direction, startMs, durationMs }) => direction in LOOK && startMs >= 0 && durationMs > 0);
  if (!sound) throw lost("the challenge cannot be read");
  if (flashesTooOften(flashes)) throw lost("the challenge flashes more often than is safe");
  if (withoutFlashes && new Set(flashes.map(({ color }) => color)).size > 1) throw lost("the challenge flashes, though none were agreed");
  return { attemptId: message.attemptId, durationMs: message.durationMs, flashes, turns };
}

const LOOK = { left: "LookLeft", right: "LookRight", up: "LookUp", down: "LookDown" };

/** The part of a challenge that runs at a time, or undefined. */
const current = (parts, time) => parts.findLast((part) => part.startMs <= time && time < part.startMs + part.durationMs);

// ---------------------------------------------------------------- frames

/** Pictures of a video as JPEG, each with the time at which the camera took it (clock of performance.now()). */
class FrameGrabber {
  constructor(video, { side, quality, maxBytes }) {
    this.video = video;
    this.side = side;
    this.quality = quality;
    this.maxBytes = maxBytes;
    this.canvas = document.createElement("canvas");
    this.paint = this.canvas.getContext("2d", { alpha: false });
    this.handle = 0;
    this.generation = 0;
  }

  /** Call `seen(time, source)` for every new picture until `stop`; `source` tells what knows the time. */
  start(seen) {
    const generation = ++this.generation;
    const { video } = this;
    if (video.requestVideoFrameCallback) {
      const next = (now, meta) => {
        if (generation !== this.generation) return;
        // The capture time where the browser knows it; never one from another clock.
        const taken = meta.captureTime;
        const known = taken > now - 1000 && taken <= now;
        seen(known ? taken : now, known ? "camera" : "callback");
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
      return;
    }
    let shown = -1;
    const next = () => {
      if (generation !== this.generation) return;
      if (video.currentTime !== shown) {
        shown = video.currentTime;
        seen(performance.now(), "clock");
      }
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  stop() {
    this.generation++;
  }

  /** The picture of now, neither mirrored nor cut, its longer side at most `side` pixels; null when it got too large. */
  async jpeg() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, this.side / Math.max(width, height));
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== wide || this.canvas.height !== high) [this.canvas.width, this.canvas.height] = [wide, high];
    this.paint.drawImage(this.video, 0, 0, wide, high);
    const blob = await new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", this.quality));
    if (blob && blob.size + 8 <= this.maxBytes) return blob.arrayBuffer();
    this.quality *= 0.8; // the canvas holds the next picture by now: only that one can be made smaller
    return null;
  }
}

// ---------------------------------------------------------------- report

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
async function aboutClient(nonce) {
  const own = await proof(nonce);
  return { name: "mien-face-liveness", version, ...(own ? { proof: own } : {}) };
}

/** A camera, for `hello`. */
function aboutCamera({ label, settings }, cameras) {
  const { width, height, frameRate, facingMode } = settings;
  const told = { label, width, height, frameRate, facingMode, cameras };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined && value !== ""));
}

/** How the frames of a challenge were taken, for `end`. Times are in ms by performance.now(). */
class CaptureReport {
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

// ---------------------------------------------------------------- attempt

/** The person wants another camera: the attempt, which has not begun to count, starts over with it. */
class CameraChosen extends LivenessDetectionError {
  constructor(deviceId) {
    super(LivenessError.UserCanceledSession, "another camera was chosen");
    this.deviceId = deviceId;
  }
}

/** One attempt, from the camera to the result. */
class Attempt {
  static ACCEPT_MS = 15000;
  static FEEDBACK_MS = 2000;
  static RESULT_MS = 60000;
  /** The camera shows the last colour only a moment after the screen does. */
  static TAIL_MS = 250;
  /** Pictures that are made into JPEGs at the same time: browsers take their time when the page is busy. */
  static ENCODING = 3;
  /** Pictures a second that the server needs at least, so that a slower camera is not worth an attempt. */
  static LEAST_RATE = 7;

  /**
   * @param {any} view what the person sees
   * @param {any} settings of the element
   * @param {{claims: any, token: string, ignored: Set<string>}} session the token with its payload, and what the person
   *   chose to ignore
   */
  constructor(view, settings, { claims, token, ignored }) {
    this.view = view;
    this.settings = settings;
    this.claims = claims;
    this.token = token;
    this.ignored = ignored;
    this.stop = new Stop();
    this.phase = "camera";
    this.over = false; // nothing is to be said to the server any more
    this.waiting = new Map();
    this.report = new CaptureReport();
    /** Until the server's answer to a frame came; ms. */
    this.roundTrips = [];
    this.hidden = () => document.hidden && this.cancel();
  }

  async run() {
    document.addEventListener("visibilitychange", this.hidden);
    try {
      return await this.stop.race(this.#steps());
    } catch (error) {
      const failure = error instanceof LivenessDetectionError ? error : new LivenessDetectionError(LivenessError.Unexpected, String(error));
      if (!this.over) this.channel?.send({ type: "cancel", reason: failure.livenessError });
      this.stop.now(failure);
      throw failure;
    } finally {
      document.removeEventListener("visibilitychange", this.hidden);
      this.grabber?.stop();
      this.camera?.close();
      this.channel?.close();
      this.lock?.release().catch(() => {});
    }
  }

  /** The person wants to stop, or has gone to another page. */
  cancel() {
    const turning = this.phase === "turns";
    this.stop.now(new LivenessDetectionError(turning ? LivenessError.UserCanceledActiveMotion : LivenessError.UserCanceledSession));
  }

  async #steps() {
    this.view.showCapture();
    this.view.say("Starting", true);
    await this.#openCamera();
    this.view.say("Connecting", true);
    const accepted = await this.#connect(this.claims);
    this.attemptsLeft = accepted.attemptsLeft - 1;
    this.view.frame(accepted.guidance);
    this.grabber = new FrameGrabber(this.view.video, accepted.frame);
    this.phase = "positioning";
    this.#offerCameras();
    const message = await this.#position(accepted.positioning);
    this.view.offer([]);
    const digest = new Digest(this.claims.sid);
    const challenge = readChallenge(message, this.settings.withoutFlashes);
    await this.#answer(challenge, accepted.challenge, digest);
    this.phase = "result";
    this.view.wait();
    this.channel.send({ type: "end", capture: this.report.json({ rate: this.rate, roundTrips: this.roundTrips }) });
    return this.#result(digest, challenge.attemptId);
  }

  async #openCamera() {
    this.camera = await Camera.open(this.settings.mediaInfoDeviceId);
    this.#stillWanted();
    const { label, deviceId } = this.camera;
    if (isVirtual(label) && this.claims.vc !== true) throw this.#unfit(Reason.CameraVirtual, label);
    this.camera.onLost(() => this.stop.now(Object.assign(new LivenessDetectionError(LivenessError.CameraStartupFailure, "the camera was taken away"), { deviceId })));
    await this.camera.show(this.view.video);
    this.view.mirror(this.camera.mirrored);
    this.lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (!this.settings.skipOutcome) await this.#examine();
  }

  /** Look whether camera and place are good enough, before anything counts. */
  async #examine() {
    const { minimumFrameRate } = this.settings;
    const enough = minimumFrameRate * 0.9; // cameras do not keep their own rate exactly
    const { rate, light } = await Camera.measure(this.view.video, enough);
    this.rate = rate;
    if (rate < enough && !this.ignored.has(Reason.CameraSlow)) {
      throw Object.assign(this.#unfit(Reason.CameraSlow, `${rate.toFixed(1)} pictures a second`), { hopeless: rate < Attempt.LEAST_RATE });
    }
    if (light < Camera.DARK && !this.ignored.has(Reason.SceneDark)) throw this.#unfit(Reason.SceneDark, `brightness ${light.toFixed()}`);
    if (light > Camera.BRIGHT && !this.ignored.has(Reason.SceneBright)) throw this.#unfit(Reason.SceneBright, `brightness ${light.toFixed()}`);
  }

  #unfit(reason, message) {
    const { label, deviceId } = this.camera;
    const error = new LivenessDetectionError(LivenessError.CameraStartupFailure, message, { reason });
    return Object.assign(error, { label, deviceId });
  }

  /** Let the person choose among several cameras while nothing counts yet. */
  async #offerCameras() {
    const cameras = await Camera.list(this.claims.vc === true);
    if (this.phase !== "positioning" || cameras.length < 2) return;
    this.view.offer(cameras, this.camera.deviceId, (deviceId) => this.stop.now(new CameraChosen(deviceId)));
  }

  async #connect(claims) {
    const { deviceCorrelationId, userCorrelationId, withoutFlashes } = this.settings;
    const cameras = await Camera.list(true);
    const hello = {
      type: "hello",
      token: this.token,
      client: await aboutClient(claims.nonce),
      camera: aboutCamera(this.camera, cameras.length),
      clientRequestId: crypto.randomUUID(),
    };
    if (claims.dcs) hello.deviceCorrelationId = deviceCorrelationId || browserId();
    if (claims.ucs && userCorrelationId) hello.userCorrelationId = userCorrelationId;
    if (withoutFlashes) hello.flashes = false;
    this.channel = await connect(claims, hello);
    this.#stillWanted();
    this.channel.onMessage = (message) => this.#hear(message);
    this.channel.onLost = (error) => this.over || this.stop.now(error);
    const accepted = await within(this.#message("accepted"), Attempt.ACCEPT_MS, LivenessError.ServerRequestTimedOut, "the server does not answer");
    if (withoutFlashes && accepted.challenge.flashes !== false) throw lost("the server would flash, though the person wants none");
    return accepted;
  }

  /** Stops what came up only after the person had left. */
  #stillWanted() {
    if (!this.stop.reason) return;
    this.camera?.close();
    this.channel?.close();
    throw this.stop.reason;
  }

  /** The next message of a type. */
  #message(type) {
    return new Promise((resolve) => this.waiting.set(type, resolve));
  }

  #hear(message) {
    if (message.type === "failure") {
      const name = message.livenessError in LivenessError ? message.livenessError : LivenessError.Unexpected;
      this.over = true;
      // What the server holds against a camera is not the browser's fault.
      const camera = name === LivenessError.EnvironmentNotSupported && isVirtual(this.camera?.label ?? "");
      this.stop.now(camera ? this.#unfit(Reason.CameraVirtual, message.message) : new LivenessDetectionError(name, message.message, message));
      return;
    }
    if (message.type === "result") this.over = true;
    const resolve = this.waiting.get(message.type);
    this.waiting.delete(message.type);
    resolve?.(message);
    if (message.type === "feedback" && this.phase === "positioning") this.view.say(message.key);
  }

  /** Send frames one by one, with the server's advice shown, until it sends the challenge. */
  async #position({ fps = 5, seconds = 60 }) {
    const start = performance.now();
    const challenge = this.#message("challenge");
    let done = false;
    challenge.then(() => {
      done = true;
    });
    this.view.say("LookAtCamera", true);
    let taken = start;
    this.grabber.start((time) => {
      taken = time;
    });
    let sequence = 0;
    while (!done && !this.stop.reason) {
      if (performance.now() - start > (seconds + 5) * 1000) throw new LivenessDetectionError(LivenessError.TimedOut, "no well placed face in time");
      const [time, jpeg] = [taken, await this.grabber.jpeg()];
      const heard = this.#message("feedback");
      const sent = performance.now();
      heard.then(() => this.roundTrips.push(performance.now() - sent));
      if (jpeg && !done) this.channel.send(frameMessage(time - start, POSITIONING_BIT | sequence++, jpeg));
      await Promise.race([challenge, Promise.all([Promise.race([heard, sleep(Attempt.FEEDBACK_MS)]), sleep(1000 / fps)])]);
    }
    this.grabber.stop();
    return challenge;
  }

  /** Show the colours and turns; send what the camera sees of them. */
  async #answer({ flashes, turns, durationMs }, { fps = 15, maxFrames = 300, maxTotalBytes = Infinity }, digest) {
    this.phase = "flashes";
    let start = null;
    let sequence = 0;
    let due = 0;
    let bytes = 0;
    let encoding = 0;
    let ready = Promise.resolve();
    this.grabber.start((taken, source) => {
      if (start === null) return;
      const time = taken - start;
      // A little early is in time: cameras do not keep exact intervals, and theirs is seldom a multiple of ours.
      if (time < 0 || time < due - 8 || sequence >= maxFrames) return;
      if (encoding >= Attempt.ENCODING || this.channel.full) {
        this.report.dropped++;
        return;
      }
      due = Math.max(due + 1000 / fps, time);
      encoding++;
      const taking = this.grabber.jpeg();
      ready = ready.then(async () => {
        const jpeg = await taking;
        encoding--;
        if (!jpeg || this.stop.reason || bytes + jpeg.byteLength + 8 > maxTotalBytes) {
          this.report.dropped++;
          return;
        }
        const message = frameMessage(time, sequence++, jpeg);
        bytes += message.byteLength;
        digest.add(message);
        this.channel.send(message);
        this.report.sent(taken, source);
      });
    });
    await new Promise((resolve) => {
      const show = (now) => {
        if (this.stop.reason) return;
        start ??= now;
        const time = now - start;
        if (time >= durationMs + Attempt.TAIL_MS) {
          resolve();
          return;
        }
        this.view.colour((current(flashes, time) ?? flashes.at(-1)).color);
        this.view.progress(time / durationMs);
        this.#prompt(turns, time);
        requestAnimationFrame(show);
      };
      requestAnimationFrame(show);
    });
    this.grabber.stop();
    await ready;
  }

  #prompt(turns, time) {
    const turn = current(turns, time);
    if (turn) this.phase = "turns";
    const begun = turns.length && time >= turns[0].startMs;
    this.view.say(turn ? LOOK[turn.direction] : begun ? "LookInFront" : "None", true);
    if (this.pointed !== turn?.direction) this.view.point(turn?.direction);
    this.pointed = turn?.direction;
  }

  async #result(digest, attemptId) {
    const result = await within(this.#message("result"), Attempt.RESULT_MS, LivenessError.ServerRequestTimedOut, "no result in time");
    if (result.digest !== (await digest.hex(attemptId))) {
      throw lost("the server judged other frames than were sent: something between changed them");
    }
    const { resultId, livenessDecision, verifyResult } = result;
    return {
      resultId,
      digest: result.digest,
      ...(livenessDecision === undefined ? {} : { livenessDecision }),
      ...(verifyResult === undefined ? {} : { verifyResult }),
    };
  }
}

/** An id of this browser, for sessions that want one of the client. */
function browserId() {
  const key = "mien-face-liveness-device";
  try {
    const id = localStorage.getItem(key) ?? crypto.randomUUID();
    localStorage.setItem(key, id);
    return id;
  } catch {
    return crypto.randomUUID(); // storage is shut off
  }
}

// ---------------------------------------------------------------- texts/ar

const AR = {
  None: "جيد. ابق ثابتًا.",
  LookAtCamera: "انظر إلى الكاميرا.",
  FaceNotCentered: "حرّك وجهك إلى وسط الشكل البيضوي.",
  MoveCloser: "اقترب.",
  ContinueToMoveCloser: "اقترب قليلًا بعد.",
  MoveBack: "ابتعد قليلًا.",
  TooMuchMovement: "من فضلك لا تتحرك.",
  AttentionNotNeeded: "",
  Smile: "ابتسم للكاميرا.",
  LookInFront: "انظر إلى الأمام.",
  LookUp: "أدر رأسك إلى الأعلى.",
  LookUpRight: "أدر رأسك إلى الأعلى واليمين.",
  LookUpLeft: "أدر رأسك إلى الأعلى واليسار.",
  LookRight: "أدر رأسك إلى اليمين.",
  LookLeft: "أدر رأسك إلى اليسار.",
  LookDown: "أدر رأسك إلى الأسفل.",
  LookDownRight: "أدر رأسك إلى الأسفل واليمين.",
  LookDownLeft: "أدر رأسك إلى الأسفل واليسار.",
  TimedOut: "استغرق الأمر وقتًا طويلًا.",
  EnvironmentNotSupported: "لا يستطيع هذا المتصفح إجراء الفحص.",
  FaceTrackingFailed: "خرج وجهك من الصورة.",
  IncreaseBrightnessToMax: "ارفع سطوع الشاشة إلى أقصى حد.",
  Tip1Title: "وجهك",
  Tip1: "اخلع النظارة الشمسية أو الكمامة أو القبعة حتى تظهر العينان والفم. أمسك الجهاز على مستوى العين.",
  Tip2Title: "مكانك",
  Tip2: "اختر إضاءة متساوية على وجهك، بلا شمس أو مصباح خلفك.",
  Tip3Title: "ما عليك فعله",
  Tip3: "ضع وجهك داخل الشكل البيضوي. قد يُطلب منك أن تدير رأسك.",
  Continue: "متابعة",
  Title: "فحص الوجه",
  FlashTitle: "ألوان وامضة",
  FlashWarning:
    "لبضع ثوانٍ تتغير الشاشة بين ألوان ساطعة، حتى أربع مرات في الثانية. " +
    "لا تتابع إذا كان الضوء الوامض يؤذيك. يمكنك التوقف في أي وقت.",
  Cancel: "إلغاء",
  Starting: "يجري تشغيل الكاميرا…",
  Connecting: "يجري الاتصال…",
  Checking: "يجري الفحص. لحظة من فضلك.",
  TooBright: "الضوء شديد. أدر وجهك عن الضوء.",
  MultipleFaces: "يجب أن يظهر شخص واحد فقط.",
  Preview: "ما تراه الكاميرا",
  WithoutFlashes: "متابعة بدون ألوان وامضة",
  WithoutFlashesNote: "بدلًا من ذلك يُطلب منك أن تدير رأسك بضع مرات.",
  Camera: "الكاميرا",
  TryAgain: "حاول مجددًا",
  ContinueAnyway: "متابعة على أي حال",
  Close: "إغلاق",
  AttemptsLeft: "المحاولات المتبقية: {count}",
  WaitSeconds: "يمكنك المحاولة مجددًا بعد {seconds} ثانية.",
  Done: "تم",
  DoneAdvice: "اكتمل الفحص.",
  Confirmed: "تم التأكيد",
  ConfirmedAdvice: "اكتمل الفحص.",
  NotConfirmed: "لم يتم التأكيد",
  NotConfirmedAdvice: "لم يستطع الفحص تأكيد وجودك. ابحث عن إضاءة متساوية، وارفع سطوع الشاشة إلى أقصى حد، وانظر إلى الكاميرا.",
  FaceTrackingFailedAdvice: "أبق وجهك كله داخل الشكل البيضوي حتى النهاية، في إضاءة متساوية.",
  TimedOutAdvice: "ضع وجهك داخل الشكل البيضوي واتبع التعليمات.",
  EnvironmentNotSupportedAdvice: "افتح هذه الصفحة في إصدار حديث من كروم أو إيدج أو فايرفوكس أو سفاري.",
  NoFaceDetected: "لم يُعثر على وجه.",
  NoFaceDetectedAdvice: "انظر مباشرة إلى الكاميرا، والضوء على وجهك.",
  HeadTurnNotPerformed: "لم تظهر استدارة الرأس.",
  HeadTurnNotPerformedAdvice: "أدر رأسك بوضوح حالما يظهر السهم، ثم انظر إلى الأمام مجددًا.",
  FaceEyeRegionNotVisible: "عيناك غير ظاهرتين.",
  FaceEyeRegionNotVisibleAdvice: "اخلع النظارة الداكنة وأبعد الشعر عن عينيك.",
  FaceMouthRegionNotVisible: "فمك غير ظاهر.",
  FaceMouthRegionNotVisibleAdvice: "لا تغطّ الفم والذقن.",
  FaceWithMaskDetected: "أنت ترتدي كمامة.",
  FaceWithMaskDetectedAdvice: "اخلع الكمامة أثناء الفحص.",
  ExcessiveImageBlurDetected: "الصورة غير واضحة.",
  ExcessiveImageBlurDetectedAdvice: "نظّف الكاميرا ولا تتحرك.",
  ExcessiveFaceBrightness: "وجهك شديد السطوع.",
  ExcessiveFaceBrightnessAdvice: "أدر وجهك عن الشمس أو المصباح.",
  MultipleFaceFound: "يظهر أكثر من وجه.",
  MultipleFaceFoundAdvice: "يجب أن تظهر وحدك أمام الكاميرا.",
  FaceNotFrontal: "لم تنظر إلى الكاميرا.",
  FaceNotFrontalAdvice: "أمسك الجهاز على مستوى العين وانظر مباشرة إلى الكاميرا.",
  ImageSizeIsTooSmall: "وجهك بعيد جدًا.",
  ImageSizeIsTooSmallAdvice: "اقترب حتى يملأ وجهك الشكل البيضوي.",
  InvalidToken: "لم يعد هذا الفحص صالحًا.",
  InvalidTokenAdvice: "ارجع وابدأ فحصًا جديدًا.",
  ServerRequestTimedOut: "الخادم لا يجيب.",
  ServerRequestTimedOutAdvice: "تحقق من اتصالك وانتظر لحظة.",
  ConnectionLost: "انقطع الاتصال.",
  ConnectionLostAdvice: "تحقق من اتصالك. إذا تكرر ذلك فعد لاحقًا.",
  UnexpectedServerError: "في الخدمة مشكلة.",
  UnexpectedServerErrorAdvice: "ليس هذا خطأك. عد لاحقًا.",
  Unexpected: "حدث خطأ ما.",
  UnexpectedAdvice: "إذا تكرر ذلك فعد لاحقًا.",
  UserCanceledSession: "توقف الفحص.",
  UserCanceledSessionAdvice: "يمكنك البدء من جديد في أي وقت.",
  CameraPermissionDenied: "الكاميرا محظورة.",
  CameraPermissionDeniedAdvice: "انقر رمز الكاميرا أو القفل بجانب عنوان الصفحة واسمح بالكاميرا. إذا بقيت محظورة فاسمح بها لمتصفحك في إعدادات الخصوصية للحاسوب.",
  CameraPermissionDeniedAdviceAndroid: "المس الرمز بجانب عنوان الصفحة، ثم الأذونات، واسمح بالكاميرا. إذا بقيت محظورة: الإعدادات، التطبيقات، متصفحك، الأذونات.",
  CameraPermissionDeniedAdviceIos: "افتح الإعدادات، التطبيقات، متصفحك، واسمح بالكاميرا. ثم عد إلى هذه الصفحة.",
  CameraForbidden: "لا يُسمح لهذه الصفحة باستخدام الكاميرا.",
  CameraForbiddenAdvice: "الموقع يمنع ذلك. أخبر القائمين عليه.",
  CameraStartupFailure: "الكاميرا لا تعمل.",
  CameraStartupFailureAdvice: "افصل الكاميرا ثم صلها مجددًا، أو أعد تشغيل المتصفح.",
  CameraMissing: "لم يُعثر على كاميرا.",
  CameraMissingAdvice: "صل كاميرا، أو افتح هذه الصفحة على هاتف.",
  CameraInUse: "الكاميرا قيد الاستخدام.",
  CameraInUseAdvice: "أغلق التطبيقات والألسنة الأخرى التي تستخدمها، مثل مكالمة فيديو.",
  CameraVirtual: "هذه كاميرا افتراضية.",
  CameraVirtualAdvice: "صورتها من صنع برنامج. اختر كاميرا جهازك.",
  CameraSlow: "الكاميرا بطيئة.",
  CameraSlowAdvice: "تعطي أقل من {fps} صورة في الثانية. غالبًا ما يساعد ضوء أكثر أو إغلاق تطبيقات أخرى.",
  SceneDark: "المكان مظلم جدًا.",
  SceneDarkAdvice: "أشعل ضوءًا أمامك، وتأكد أن لا شيء يغطي الكاميرا.",
  SceneBright: "الضوء شديد جدًا.",
  SceneBrightAdvice: "أدر وجهك عن النافذة أو المصباح.",
};

// ---------------------------------------------------------------- texts/de

const DE = {
  None: "Gut. Bitte still halten.",
  LookAtCamera: "Schauen Sie in die Kamera.",
  FaceNotCentered: "Bringen Sie Ihr Gesicht in die Mitte des Ovals.",
  MoveCloser: "Kommen Sie näher.",
  ContinueToMoveCloser: "Noch ein wenig näher.",
  MoveBack: "Gehen Sie etwas zurück.",
  TooMuchMovement: "Bitte nicht bewegen.",
  AttentionNotNeeded: "",
  Smile: "Lächeln Sie in die Kamera.",
  LookInFront: "Schauen Sie geradeaus.",
  LookUp: "Drehen Sie den Kopf nach oben.",
  LookUpRight: "Drehen Sie den Kopf nach rechts oben.",
  LookUpLeft: "Drehen Sie den Kopf nach links oben.",
  LookRight: "Drehen Sie den Kopf nach rechts.",
  LookLeft: "Drehen Sie den Kopf nach links.",
  LookDown: "Drehen Sie den Kopf nach unten.",
  LookDownRight: "Drehen Sie den Kopf nach rechts unten.",
  LookDownLeft: "Drehen Sie den Kopf nach links unten.",
  TimedOut: "Das hat zu lange gedauert.",
  EnvironmentNotSupported: "Dieser Browser kann die Prüfung nicht ausführen.",
  FaceTrackingFailed: "Ihr Gesicht war nicht mehr zu sehen.",
  IncreaseBrightnessToMax: "Stellen Sie Ihren Bildschirm auf volle Helligkeit.",
  Tip1Title: "Ihr Gesicht",
  Tip1: "Nehmen Sie Sonnenbrille, Maske oder Hut ab, damit Augen und Mund frei sind. Halten Sie das Gerät auf Augenhöhe.",
  Tip2Title: "Ihr Platz",
  Tip2: "Wählen Sie gleichmäßiges Licht im Gesicht, ohne Sonne oder Lampen im Rücken.",
  Tip3Title: "Was Sie tun",
  Tip3: "Bringen Sie Ihr Gesicht in das Oval. Vielleicht sollen Sie auch den Kopf drehen.",
  Continue: "Weiter",
  Title: "Gesichtsprüfung",
  FlashTitle: "Blinkende Farben",
  FlashWarning:
    "Einige Sekunden lang wechselt der Bildschirm zwischen hellen Farben, bis zu viermal in der Sekunde. " +
    "Machen Sie nicht weiter, wenn Ihnen flackerndes Licht schadet. Sie können jederzeit abbrechen.",
  Cancel: "Abbrechen",
  Starting: "Die Kamera startet …",
  Connecting: "Verbindung wird aufgebaut …",
  Checking: "Wird geprüft. Einen Moment bitte.",
  TooBright: "Es ist zu hell. Drehen Sie sich vom Licht weg.",
  MultipleFaces: "Nur eine Person darf im Bild sein.",
  Preview: "Was Ihre Kamera sieht",
  WithoutFlashes: "Ohne blinkende Farben weiter",
  WithoutFlashesNote: "Stattdessen sollen Sie einige Male den Kopf drehen.",
  Camera: "Kamera",
  TryAgain: "Noch einmal",
  ContinueAnyway: "Trotzdem weiter",
  Close: "Schließen",
  AttemptsLeft: "Verbleibende Versuche: {count}",
  WaitSeconds: "In {seconds} Sekunden können Sie es noch einmal versuchen.",
  Done: "Fertig",
  DoneAdvice: "Die Prüfung ist abgeschlossen.",
  Confirmed: "Bestätigt",
  ConfirmedAdvice: "Die Prüfung ist abgeschlossen.",
  NotConfirmed: "Nicht bestätigt",
  NotConfirmedAdvice: "Die Prüfung konnte nicht bestätigen, dass Sie da sind. Suchen Sie gleichmäßiges Licht, stellen Sie den Bildschirm auf volle Helligkeit und schauen Sie in die Kamera.",
  FaceTrackingFailedAdvice: "Behalten Sie das ganze Gesicht bis zum Ende im Oval, in gleichmäßigem Licht.",
  TimedOutAdvice: "Bringen Sie Ihr Gesicht in das Oval und folgen Sie den Anweisungen.",
  EnvironmentNotSupportedAdvice: "Öffnen Sie diese Seite in einer aktuellen Version von Chrome, Edge, Firefox oder Safari.",
  NoFaceDetected: "Es wurde kein Gesicht gefunden.",
  NoFaceDetectedAdvice: "Schauen Sie gerade in die Kamera, mit Licht im Gesicht.",
  HeadTurnNotPerformed: "Die Kopfdrehung war nicht zu sehen.",
  HeadTurnNotPerformedAdvice: "Drehen Sie den Kopf deutlich, sobald der Pfeil erscheint, und schauen Sie dann wieder geradeaus.",
  FaceEyeRegionNotVisible: "Ihre Augen sind nicht zu sehen.",
  FaceEyeRegionNotVisibleAdvice: "Nehmen Sie dunkle Brillen ab und streichen Sie Haare aus den Augen.",
  FaceMouthRegionNotVisible: "Ihr Mund ist nicht zu sehen.",
  FaceMouthRegionNotVisibleAdvice: "Verdecken Sie Mund und Kinn nicht.",
  FaceWithMaskDetected: "Sie tragen eine Maske.",
  FaceWithMaskDetectedAdvice: "Nehmen Sie die Maske für die Prüfung ab.",
  ExcessiveImageBlurDetected: "Das Bild ist unscharf.",
  ExcessiveImageBlurDetectedAdvice: "Putzen Sie die Kamera und halten Sie still.",
  ExcessiveFaceBrightness: "Ihr Gesicht ist zu hell.",
  ExcessiveFaceBrightnessAdvice: "Drehen Sie sich von der Sonne oder der Lampe weg.",
  MultipleFaceFound: "Mehr als ein Gesicht ist im Bild.",
  MultipleFaceFoundAdvice: "Nur Sie dürfen im Bild sein.",
  FaceNotFrontal: "Sie haben nicht in die Kamera geschaut.",
  FaceNotFrontalAdvice: "Halten Sie das Gerät auf Augenhöhe und schauen Sie gerade in die Kamera.",
  ImageSizeIsTooSmall: "Ihr Gesicht ist zu weit weg.",
  ImageSizeIsTooSmallAdvice: "Kommen Sie näher, bis Ihr Gesicht das Oval füllt.",
  InvalidToken: "Diese Prüfung ist nicht mehr gültig.",
  InvalidTokenAdvice: "Gehen Sie zurück und beginnen Sie eine neue.",
  ServerRequestTimedOut: "Der Server antwortet nicht.",
  ServerRequestTimedOutAdvice: "Prüfen Sie Ihre Verbindung und warten Sie einen Moment.",
  ConnectionLost: "Die Verbindung wurde unterbrochen.",
  ConnectionLostAdvice: "Prüfen Sie Ihre Verbindung. Geschieht es wieder, kommen Sie später zurück.",
  UnexpectedServerError: "Der Dienst hat eine Störung.",
  UnexpectedServerErrorAdvice: "Das liegt nicht an Ihnen. Kommen Sie später zurück.",
  Unexpected: "Etwas ist schiefgegangen.",
  UnexpectedAdvice: "Geschieht es wieder, kommen Sie später zurück.",
  UserCanceledSession: "Die Prüfung wurde abgebrochen.",
  UserCanceledSessionAdvice: "Sie können jederzeit neu beginnen.",
  CameraPermissionDenied: "Die Kamera ist gesperrt.",
  CameraPermissionDeniedAdvice: "Klicken Sie neben der Adresse der Seite auf das Kamera- oder Schlosssymbol und erlauben Sie die Kamera. Bleibt sie gesperrt, erlauben Sie sie Ihrem Browser in den Datenschutzeinstellungen des Computers.",
  CameraPermissionDeniedAdviceAndroid: "Tippen Sie auf das Symbol neben der Adresse der Seite, dann auf Berechtigungen, und erlauben Sie die Kamera. Bleibt sie gesperrt: Einstellungen, Apps, Ihr Browser, Berechtigungen.",
  CameraPermissionDeniedAdviceIos: "Öffnen Sie Einstellungen, Apps, Ihren Browser, und erlauben Sie die Kamera. Kommen Sie dann auf diese Seite zurück.",
  CameraForbidden: "Diese Seite darf die Kamera nicht benutzen.",
  CameraForbiddenAdvice: "Die Website verbietet es. Sagen Sie es denen, die sie betreiben.",
  CameraStartupFailure: "Die Kamera startet nicht.",
  CameraStartupFailureAdvice: "Stecken Sie die Kamera neu ein, oder starten Sie den Browser neu.",
  CameraMissing: "Es wurde keine Kamera gefunden.",
  CameraMissingAdvice: "Schließen Sie eine Kamera an, oder öffnen Sie diese Seite auf einem Telefon.",
  CameraInUse: "Die Kamera wird schon benutzt.",
  CameraInUseAdvice: "Schließen Sie andere Programme und Tabs, die sie benutzen, etwa einen Videoanruf.",
  CameraVirtual: "Das ist eine virtuelle Kamera.",
  CameraVirtualAdvice: "Ihr Bild kommt aus einem Programm. Wählen Sie die Kamera Ihres Geräts.",
  CameraSlow: "Die Kamera ist langsam.",
  CameraSlowAdvice: "Sie liefert weniger als {fps} Bilder in der Sekunde. Oft hilft mehr Licht; schließen Sie auch andere Programme.",
  SceneDark: "Es ist zu dunkel.",
  SceneDarkAdvice: "Machen Sie vor sich Licht, und sehen Sie nach, ob etwas die Kamera verdeckt.",
  SceneBright: "Es ist zu hell.",
  SceneBrightAdvice: "Drehen Sie sich vom Fenster oder von der Lampe weg.",
};

// ---------------------------------------------------------------- texts/en

const EN = {
  None: "Good. Keep still.",
  LookAtCamera: "Look at the camera.",
  FaceNotCentered: "Move your face to the middle of the oval.",
  MoveCloser: "Come closer.",
  ContinueToMoveCloser: "A little closer still.",
  MoveBack: "Move back a little.",
  TooMuchMovement: "Please hold still.",
  AttentionNotNeeded: "",
  Smile: "Smile at the camera.",
  LookInFront: "Look straight ahead.",
  LookUp: "Turn your head up.",
  LookUpRight: "Turn your head up and to the right.",
  LookUpLeft: "Turn your head up and to the left.",
  LookRight: "Turn your head to the right.",
  LookLeft: "Turn your head to the left.",
  LookDown: "Turn your head down.",
  LookDownRight: "Turn your head down and to the right.",
  LookDownLeft: "Turn your head down and to the left.",
  TimedOut: "This took too long.",
  EnvironmentNotSupported: "This browser cannot run the check.",
  FaceTrackingFailed: "Your face was lost from view.",
  IncreaseBrightnessToMax: "Turn the brightness of your screen all the way up.",
  Tip1Title: "Your face",
  Tip1: "Take off sunglasses, mask or hat, so that eyes and mouth are free. Hold the device at eye level.",
  Tip2Title: "Your place",
  Tip2: "Choose an even light on your face, without sun or lamps behind you.",
  Tip3Title: "What to do",
  Tip3: "Fit your face into the oval. You may be asked to turn your head.",
  Continue: "Continue",
  Title: "Face check",
  FlashTitle: "Flashing colours",
  FlashWarning:
    "For a few seconds the screen changes between bright colours, up to four times a second. " +
    "Do not go on if flashing light can make you unwell. You can stop at any time.",
  Cancel: "Cancel",
  Starting: "Starting the camera…",
  Connecting: "Connecting…",
  Checking: "Checking. This takes a moment.",
  TooBright: "It is too bright. Turn away from the light.",
  MultipleFaces: "Only one person may be in view.",
  Preview: "What your camera sees",
  WithoutFlashes: "Continue without flashing colours",
  WithoutFlashesNote: "You are asked to turn your head a few times instead.",
  Camera: "Camera",
  TryAgain: "Try again",
  ContinueAnyway: "Continue anyway",
  Close: "Close",
  AttemptsLeft: "Attempts left: {count}",
  WaitSeconds: "You can try again in {seconds} seconds.",
  Done: "Done",
  DoneAdvice: "The check is complete.",
  Confirmed: "Confirmed",
  ConfirmedAdvice: "The check is complete.",
  NotConfirmed: "Not confirmed",
  NotConfirmedAdvice: "The check could not confirm that you are there. Find an even light, set your screen to full brightness and look at the camera.",
  FaceTrackingFailedAdvice: "Keep your whole face in the oval until the check ends, in an even light.",
  TimedOutAdvice: "Fit your face into the oval and follow the instructions.",
  EnvironmentNotSupportedAdvice: "Open this page in a current version of Chrome, Edge, Firefox or Safari.",
  NoFaceDetected: "No face was found.",
  NoFaceDetectedAdvice: "Look straight at the camera, with light on your face.",
  HeadTurnNotPerformed: "The head turn was not seen.",
  HeadTurnNotPerformedAdvice: "Turn your head clearly as soon as the arrow appears, then look ahead again.",
  FaceEyeRegionNotVisible: "Your eyes cannot be seen.",
  FaceEyeRegionNotVisibleAdvice: "Take off dark glasses and move hair away from your eyes.",
  FaceMouthRegionNotVisible: "Your mouth cannot be seen.",
  FaceMouthRegionNotVisibleAdvice: "Uncover your mouth and chin.",
  FaceWithMaskDetected: "You are wearing a mask.",
  FaceWithMaskDetectedAdvice: "Take the mask off for the check.",
  ExcessiveImageBlurDetected: "The picture is blurred.",
  ExcessiveImageBlurDetectedAdvice: "Clean the camera and hold still.",
  ExcessiveFaceBrightness: "Your face is too bright.",
  ExcessiveFaceBrightnessAdvice: "Turn away from the sun or the lamp.",
  MultipleFaceFound: "More than one face is in view.",
  MultipleFaceFoundAdvice: "Only you may be in view of the camera.",
  FaceNotFrontal: "You did not look at the camera.",
  FaceNotFrontalAdvice: "Hold the device at eye level and look straight at the camera.",
  ImageSizeIsTooSmall: "Your face is too far away.",
  ImageSizeIsTooSmallAdvice: "Come closer until your face fills the oval.",
  InvalidToken: "This check is no longer valid.",
  InvalidTokenAdvice: "Go back and start a new one.",
  ServerRequestTimedOut: "The server does not answer.",
  ServerRequestTimedOutAdvice: "Check your connection and wait a moment.",
  ConnectionLost: "The connection was interrupted.",
  ConnectionLostAdvice: "Check your connection. If this happens again, come back later.",
  UnexpectedServerError: "The service has a problem.",
  UnexpectedServerErrorAdvice: "This is not your fault. Come back later.",
  Unexpected: "Something went wrong.",
  UnexpectedAdvice: "If this happens again, come back later.",
  UserCanceledSession: "The check was stopped.",
  UserCanceledSessionAdvice: "You can start it again at any time.",
  CameraPermissionDenied: "The camera is blocked.",
  CameraPermissionDeniedAdvice: "Click the camera or lock symbol beside the page's address and allow the camera. If it stays blocked, allow it for your browser in the privacy settings of your computer.",
  CameraPermissionDeniedAdviceAndroid: "Tap the symbol beside the page's address, then Permissions, and allow the camera. If it stays blocked: Settings, Apps, your browser, Permissions.",
  CameraPermissionDeniedAdviceIos: "Open Settings, Apps, your browser, and allow the camera. Then come back to this page.",
  CameraForbidden: "This page may not use the camera.",
  CameraForbiddenAdvice: "The website forbids it. Tell the people who run it.",
  CameraStartupFailure: "The camera does not start.",
  CameraStartupFailureAdvice: "Unplug the camera and connect it again, or restart your browser.",
  CameraMissing: "No camera was found.",
  CameraMissingAdvice: "Connect a camera, or open this page on a phone.",
  CameraInUse: "The camera is in use.",
  CameraInUseAdvice: "Close other applications and tabs that use it, such as a video call.",
  CameraVirtual: "This is a virtual camera.",
  CameraVirtualAdvice: "Its picture is made by a program. Choose the camera of your device.",
  CameraSlow: "The camera is slow.",
  CameraSlowAdvice: "It gives fewer than {fps} pictures a second. More light often helps; so does closing other applications.",
  SceneDark: "It is too dark.",
  SceneDarkAdvice: "Turn on a light in front of you, and check that nothing covers the camera.",
  SceneBright: "It is too bright.",
  SceneBrightAdvice: "Turn away from the window or the lamp.",
};

// ---------------------------------------------------------------- texts/es

const ES = {
  None: "Bien. No se mueva.",
  LookAtCamera: "Mire a la cámara.",
  FaceNotCentered: "Lleve el rostro al centro del óvalo.",
  MoveCloser: "Acérquese.",
  ContinueToMoveCloser: "Un poco más cerca.",
  MoveBack: "Aléjese un poco.",
  TooMuchMovement: "Por favor, no se mueva.",
  AttentionNotNeeded: "",
  Smile: "Sonría a la cámara.",
  LookInFront: "Mire al frente.",
  LookUp: "Gire la cabeza hacia arriba.",
  LookUpRight: "Gire la cabeza hacia arriba y a la derecha.",
  LookUpLeft: "Gire la cabeza hacia arriba y a la izquierda.",
  LookRight: "Gire la cabeza a la derecha.",
  LookLeft: "Gire la cabeza a la izquierda.",
  LookDown: "Gire la cabeza hacia abajo.",
  LookDownRight: "Gire la cabeza hacia abajo y a la derecha.",
  LookDownLeft: "Gire la cabeza hacia abajo y a la izquierda.",
  TimedOut: "Ha tardado demasiado.",
  EnvironmentNotSupported: "Este navegador no permite la comprobación.",
  FaceTrackingFailed: "Su rostro dejó de verse.",
  IncreaseBrightnessToMax: "Suba el brillo de la pantalla al máximo.",
  Tip1Title: "Su rostro",
  Tip1: "Quítese gafas de sol, mascarilla o sombrero para que se vean los ojos y la boca. Sostenga el dispositivo a la altura de los ojos.",
  Tip2Title: "Su lugar",
  Tip2: "Elija una luz uniforme sobre el rostro, sin sol ni lámparas detrás de usted.",
  Tip3Title: "Qué hacer",
  Tip3: "Encaje el rostro en el óvalo. Es posible que se le pida girar la cabeza.",
  Continue: "Continuar",
  Title: "Comprobación del rostro",
  FlashTitle: "Colores intermitentes",
  FlashWarning:
    "Durante unos segundos la pantalla cambia entre colores vivos, hasta cuatro veces por segundo. " +
    "No continúe si las luces intermitentes le hacen daño. Puede parar en cualquier momento.",
  Cancel: "Cancelar",
  Starting: "Iniciando la cámara…",
  Connecting: "Conectando…",
  Checking: "Comprobando. Un momento.",
  TooBright: "Hay demasiada luz. Apártese de la luz.",
  MultipleFaces: "Solo puede verse una persona.",
  Preview: "Lo que ve su cámara",
  WithoutFlashes: "Continuar sin colores intermitentes",
  WithoutFlashesNote: "En su lugar se le pedirá girar la cabeza unas cuantas veces.",
  Camera: "Cámara",
  TryAgain: "Volver a intentarlo",
  ContinueAnyway: "Continuar de todos modos",
  Close: "Cerrar",
  AttemptsLeft: "Intentos restantes: {count}",
  WaitSeconds: "Podrá volver a intentarlo en {seconds} segundos.",
  Done: "Listo",
  DoneAdvice: "La comprobación ha terminado.",
  Confirmed: "Confirmado",
  ConfirmedAdvice: "La comprobación ha terminado.",
  NotConfirmed: "No confirmado",
  NotConfirmedAdvice: "No se pudo confirmar que usted está ahí. Busque una luz uniforme, suba el brillo de la pantalla al máximo y mire a la cámara.",
  FaceTrackingFailedAdvice: "Mantenga todo el rostro en el óvalo hasta el final, con luz uniforme.",
  TimedOutAdvice: "Encaje el rostro en el óvalo y siga las instrucciones.",
  EnvironmentNotSupportedAdvice: "Abra esta página en una versión actual de Chrome, Edge, Firefox o Safari.",
  NoFaceDetected: "No se encontró ningún rostro.",
  NoFaceDetectedAdvice: "Mire de frente a la cámara, con luz en el rostro.",
  HeadTurnNotPerformed: "No se vio el giro de la cabeza.",
  HeadTurnNotPerformedAdvice: "Gire bien la cabeza en cuanto aparezca la flecha y luego vuelva a mirar al frente.",
  FaceEyeRegionNotVisible: "No se ven sus ojos.",
  FaceEyeRegionNotVisibleAdvice: "Quítese las gafas oscuras y aparte el pelo de los ojos.",
  FaceMouthRegionNotVisible: "No se ve su boca.",
  FaceMouthRegionNotVisibleAdvice: "Deje libres la boca y la barbilla.",
  FaceWithMaskDetected: "Lleva mascarilla.",
  FaceWithMaskDetectedAdvice: "Quítese la mascarilla durante la comprobación.",
  ExcessiveImageBlurDetected: "La imagen está borrosa.",
  ExcessiveImageBlurDetectedAdvice: "Limpie la cámara y no se mueva.",
  ExcessiveFaceBrightness: "Su rostro tiene demasiada luz.",
  ExcessiveFaceBrightnessAdvice: "Apártese del sol o de la lámpara.",
  MultipleFaceFound: "Se ve más de un rostro.",
  MultipleFaceFoundAdvice: "Solo usted puede aparecer ante la cámara.",
  FaceNotFrontal: "No miró a la cámara.",
  FaceNotFrontalAdvice: "Sostenga el dispositivo a la altura de los ojos y mire de frente a la cámara.",
  ImageSizeIsTooSmall: "Su rostro está demasiado lejos.",
  ImageSizeIsTooSmallAdvice: "Acérquese hasta que el rostro llene el óvalo.",
  InvalidToken: "Esta comprobación ya no es válida.",
  InvalidTokenAdvice: "Vuelva atrás y empiece una nueva.",
  ServerRequestTimedOut: "El servidor no responde.",
  ServerRequestTimedOutAdvice: "Revise su conexión y espere un momento.",
  ConnectionLost: "Se interrumpió la conexión.",
  ConnectionLostAdvice: "Revise su conexión. Si vuelve a ocurrir, regrese más tarde.",
  UnexpectedServerError: "El servicio tiene un problema.",
  UnexpectedServerErrorAdvice: "No es culpa suya. Vuelva más tarde.",
  Unexpected: "Algo ha fallado.",
  UnexpectedAdvice: "Si vuelve a ocurrir, regrese más tarde.",
  UserCanceledSession: "La comprobación se detuvo.",
  UserCanceledSessionAdvice: "Puede empezar de nuevo cuando quiera.",
  CameraPermissionDenied: "La cámara está bloqueada.",
  CameraPermissionDeniedAdvice: "Haga clic en el símbolo de la cámara o del candado junto a la dirección de la página y permita la cámara. Si sigue bloqueada, permítala para su navegador en los ajustes de privacidad del equipo.",
  CameraPermissionDeniedAdviceAndroid: "Toque el símbolo junto a la dirección de la página, luego Permisos, y permita la cámara. Si sigue bloqueada: Ajustes, Aplicaciones, su navegador, Permisos.",
  CameraPermissionDeniedAdviceIos: "Abra Ajustes, Apps, su navegador, y permita la cámara. Después vuelva a esta página.",
  CameraForbidden: "Esta página no puede usar la cámara.",
  CameraForbiddenAdvice: "El sitio lo prohíbe. Avise a quienes lo administran.",
  CameraStartupFailure: "La cámara no se inicia.",
  CameraStartupFailureAdvice: "Desconecte la cámara y vuelva a conectarla, o reinicie el navegador.",
  CameraMissing: "No se encontró ninguna cámara.",
  CameraMissingAdvice: "Conecte una cámara o abra esta página en un teléfono.",
  CameraInUse: "La cámara está en uso.",
  CameraInUseAdvice: "Cierre otras aplicaciones y pestañas que la usan, como una videollamada.",
  CameraVirtual: "Esta es una cámara virtual.",
  CameraVirtualAdvice: "Su imagen la crea un programa. Elija la cámara de su dispositivo.",
  CameraSlow: "La cámara es lenta.",
  CameraSlowAdvice: "Da menos de {fps} imágenes por segundo. Más luz suele ayudar; también cerrar otras aplicaciones.",
  SceneDark: "Está demasiado oscuro.",
  SceneDarkAdvice: "Encienda una luz delante de usted y compruebe que nada tape la cámara.",
  SceneBright: "Hay demasiada luz.",
  SceneBrightAdvice: "Apártese de la ventana o de la lámpara.",
};

// ---------------------------------------------------------------- texts/fa

const FA = {
  None: "خوب است. بی‌حرکت بمانید.",
  LookAtCamera: "به دوربین نگاه کنید.",
  FaceNotCentered: "صورت خود را به وسط بیضی بیاورید.",
  MoveCloser: "نزدیک‌تر بیایید.",
  ContinueToMoveCloser: "کمی دیگر نزدیک شوید.",
  MoveBack: "کمی عقب بروید.",
  TooMuchMovement: "لطفاً تکان نخورید.",
  AttentionNotNeeded: "",
  Smile: "به دوربین لبخند بزنید.",
  LookInFront: "روبه‌رو را نگاه کنید.",
  LookUp: "سر خود را بالا بگیرید.",
  LookUpRight: "سر خود را به بالا و راست بچرخانید.",
  LookUpLeft: "سر خود را به بالا و چپ بچرخانید.",
  LookRight: "سر خود را به راست بچرخانید.",
  LookLeft: "سر خود را به چپ بچرخانید.",
  LookDown: "سر خود را پایین بگیرید.",
  LookDownRight: "سر خود را به پایین و راست بچرخانید.",
  LookDownLeft: "سر خود را به پایین و چپ بچرخانید.",
  TimedOut: "زمان به پایان رسید.",
  EnvironmentNotSupported: "این مرورگر نمی‌تواند بررسی را انجام دهد.",
  FaceTrackingFailed: "صورت شما از دید خارج شد.",
  IncreaseBrightnessToMax: "روشنایی صفحه را تا آخر زیاد کنید.",
  Tip1Title: "صورت شما",
  Tip1: "عینک آفتابی، ماسک یا کلاه را بردارید تا چشم‌ها و دهان دیده شوند. دستگاه را هم‌سطح چشم نگه دارید.",
  Tip2Title: "جای شما",
  Tip2: "نور باید یکنواخت بر صورت بتابد؛ خورشید یا چراغ پشت سر شما نباشد.",
  Tip3Title: "کاری که می‌کنید",
  Tip3: "صورت خود را در بیضی جا دهید. شاید از شما خواسته شود سر خود را بچرخانید.",
  Continue: "ادامه",
  Title: "بررسی صورت",
  FlashTitle: "رنگ‌های چشمک‌زن",
  FlashWarning:
    "چند ثانیه رنگ‌های روشن صفحه عوض می‌شوند، تا چهار بار در ثانیه. " +
    "اگر نور چشمک‌زن حالتان را بد می‌کند ادامه ندهید. هر لحظه می‌توانید بازایستید.",
  Cancel: "لغو",
  Starting: "دوربین روشن می‌شود…",
  Connecting: "در حال اتصال…",
  Checking: "در حال بررسی. چند لحظه صبر کنید.",
  TooBright: "نور زیاد است. از نور رو برگردانید.",
  MultipleFaces: "فقط یک نفر باید در تصویر باشد.",
  Preview: "آنچه دوربین شما می‌بیند",
  WithoutFlashes: "ادامه بدون رنگ‌های چشمک‌زن",
  WithoutFlashesNote: "به جای آن از شما خواسته می‌شود چند بار سر خود را بچرخانید.",
  Camera: "دوربین",
  TryAgain: "دوباره",
  ContinueAnyway: "با این حال ادامه",
  Close: "بستن",
  AttemptsLeft: "تلاش‌های باقی‌مانده: {count}",
  WaitSeconds: "تا {seconds} ثانیهٔ دیگر می‌توانید دوباره تلاش کنید.",
  Done: "تمام شد",
  DoneAdvice: "بررسی کامل شد.",
  Confirmed: "تأیید شد",
  ConfirmedAdvice: "بررسی کامل شد.",
  NotConfirmed: "تأیید نشد",
  NotConfirmedAdvice: "حضور شما تأیید نشد. نور یکنواخت پیدا کنید، روشنایی صفحه را تا آخر زیاد کنید و به دوربین نگاه کنید.",
  FaceTrackingFailedAdvice: "تا پایان بررسی همهٔ صورت خود را در بیضی و در نور یکنواخت نگه دارید.",
  TimedOutAdvice: "صورت خود را در بیضی جا دهید و راهنمایی‌ها را دنبال کنید.",
  EnvironmentNotSupportedAdvice: "این صفحه را در نسخهٔ تازهٔ کروم، اج، فایرفاکس یا سافاری باز کنید.",
  NoFaceDetected: "صورتی پیدا نشد.",
  NoFaceDetectedAdvice: "مستقیم به دوربین نگاه کنید و نور بر صورتتان بتابد.",
  HeadTurnNotPerformed: "چرخش سر دیده نشد.",
  HeadTurnNotPerformedAdvice: "همین که پیکان آمد سر خود را آشکارا بچرخانید، سپس روبه‌رو را نگاه کنید.",
  FaceEyeRegionNotVisible: "چشم‌های شما دیده نمی‌شوند.",
  FaceEyeRegionNotVisibleAdvice: "عینک تیره را بردارید و مو را از چشم‌ها کنار بزنید.",
  FaceMouthRegionNotVisible: "دهان شما دیده نمی‌شود.",
  FaceMouthRegionNotVisibleAdvice: "دهان و چانه را نپوشانید.",
  FaceWithMaskDetected: "ماسک زده‌اید.",
  FaceWithMaskDetectedAdvice: "هنگام بررسی ماسک را بردارید.",
  ExcessiveImageBlurDetected: "تصویر تار است.",
  ExcessiveImageBlurDetectedAdvice: "دوربین را پاک کنید و بی‌حرکت بمانید.",
  ExcessiveFaceBrightness: "صورت شما بیش از حد روشن است.",
  ExcessiveFaceBrightnessAdvice: "از آفتاب یا چراغ رو برگردانید.",
  MultipleFaceFound: "بیش از یک صورت در تصویر است.",
  MultipleFaceFoundAdvice: "فقط شما باید در تصویر باشید.",
  FaceNotFrontal: "به دوربین نگاه نکردید.",
  FaceNotFrontalAdvice: "دستگاه را هم‌سطح چشم بگیرید و مستقیم به دوربین نگاه کنید.",
  ImageSizeIsTooSmall: "صورت شما خیلی دور است.",
  ImageSizeIsTooSmallAdvice: "نزدیک‌تر بیایید تا صورت بیضی را پر کند.",
  InvalidToken: "این بررسی دیگر معتبر نیست.",
  InvalidTokenAdvice: "برگردید و بررسی تازه‌ای آغاز کنید.",
  ServerRequestTimedOut: "سرور پاسخ نمی‌دهد.",
  ServerRequestTimedOutAdvice: "اتصال خود را بررسی کنید و کمی صبر کنید.",
  ConnectionLost: "اتصال قطع شد.",
  ConnectionLostAdvice: "اتصال خود را بررسی کنید. اگر باز هم رخ داد، بعداً بیایید.",
  UnexpectedServerError: "سرویس مشکلی دارد.",
  UnexpectedServerErrorAdvice: "تقصیر شما نیست. بعداً بیایید.",
  Unexpected: "مشکلی پیش آمد.",
  UnexpectedAdvice: "اگر باز هم رخ داد، بعداً بیایید.",
  UserCanceledSession: "بررسی متوقف شد.",
  UserCanceledSessionAdvice: "هر وقت خواستید می‌توانید دوباره آغاز کنید.",
  CameraPermissionDenied: "دوربین مسدود است.",
  CameraPermissionDeniedAdvice: "روی نشان دوربین یا قفل کنار نشانی صفحه کلیک کنید و دوربین را مجاز کنید. اگر مسدود ماند، در تنظیمات حریم خصوصی رایانه آن را برای مرورگر مجاز کنید.",
  CameraPermissionDeniedAdviceAndroid: "نشان کنار نشانی صفحه را لمس کنید، سپس مجوزها، و دوربین را مجاز کنید. اگر مسدود ماند: تنظیمات، برنامه‌ها، مرورگر شما، مجوزها.",
  CameraPermissionDeniedAdviceIos: "تنظیمات، برنامه‌ها، مرورگر خود را باز کنید و دوربین را مجاز کنید. سپس به این صفحه برگردید.",
  CameraForbidden: "این صفحه اجازهٔ دوربین ندارد.",
  CameraForbiddenAdvice: "وب‌گاه آن را منع کرده است. به گردانندگان آن خبر دهید.",
  CameraStartupFailure: "دوربین روشن نمی‌شود.",
  CameraStartupFailureAdvice: "دوربین را جدا و دوباره وصل کنید، یا مرورگر را از نو باز کنید.",
  CameraMissing: "دوربینی پیدا نشد.",
  CameraMissingAdvice: "دوربینی وصل کنید یا این صفحه را در تلفن باز کنید.",
  CameraInUse: "دوربین در حال استفاده است.",
  CameraInUseAdvice: "برنامه‌ها و زبانه‌های دیگری را که از آن استفاده می‌کنند ببندید، مانند تماس تصویری.",
  CameraVirtual: "این دوربین مجازی است.",
  CameraVirtualAdvice: "تصویر آن را یک برنامه می‌سازد. دوربین دستگاه خود را برگزینید.",
  CameraSlow: "دوربین کند است.",
  CameraSlowAdvice: "کمتر از {fps} تصویر در ثانیه می‌دهد. نور بیشتر یا بستن برنامه‌های دیگر اغلب کمک می‌کند.",
  SceneDark: "خیلی تاریک است.",
  SceneDarkAdvice: "چراغی روبه‌روی خود روشن کنید و ببینید چیزی دوربین را نپوشانده باشد.",
  SceneBright: "خیلی روشن است.",
  SceneBrightAdvice: "از پنجره یا چراغ رو برگردانید.",
};

// ---------------------------------------------------------------- texts/fr

const FR = {
  None: "Bien. Ne bougez plus.",
  LookAtCamera: "Regardez la caméra.",
  FaceNotCentered: "Placez votre visage au milieu de l'ovale.",
  MoveCloser: "Rapprochez-vous.",
  ContinueToMoveCloser: "Encore un peu plus près.",
  MoveBack: "Reculez un peu.",
  TooMuchMovement: "Ne bougez pas, s'il vous plaît.",
  AttentionNotNeeded: "",
  Smile: "Souriez à la caméra.",
  LookInFront: "Regardez droit devant vous.",
  LookUp: "Tournez la tête vers le haut.",
  LookUpRight: "Tournez la tête en haut à droite.",
  LookUpLeft: "Tournez la tête en haut à gauche.",
  LookRight: "Tournez la tête vers la droite.",
  LookLeft: "Tournez la tête vers la gauche.",
  LookDown: "Tournez la tête vers le bas.",
  LookDownRight: "Tournez la tête en bas à droite.",
  LookDownLeft: "Tournez la tête en bas à gauche.",
  TimedOut: "Cela a pris trop de temps.",
  EnvironmentNotSupported: "Ce navigateur ne permet pas la vérification.",
  FaceTrackingFailed: "Votre visage n'était plus visible.",
  IncreaseBrightnessToMax: "Réglez la luminosité de l'écran au maximum.",
  Tip1Title: "Votre visage",
  Tip1: "Retirez lunettes de soleil, masque ou chapeau : les yeux et la bouche doivent être dégagés. Tenez l'appareil à hauteur des yeux.",
  Tip2Title: "Votre place",
  Tip2: "Choisissez une lumière régulière sur le visage, sans soleil ni lampe derrière vous.",
  Tip3Title: "Ce qu'il faut faire",
  Tip3: "Placez votre visage dans l'ovale. On vous demandera peut-être de tourner la tête.",
  Continue: "Continuer",
  Title: "Vérification du visage",
  FlashTitle: "Couleurs clignotantes",
  FlashWarning:
    "Pendant quelques secondes, l'écran passe d'une couleur vive à l'autre, jusqu'à quatre fois par seconde. " +
    "Ne continuez pas si les lumières clignotantes vous font du mal. Vous pouvez arrêter à tout moment.",
  Cancel: "Annuler",
  Starting: "Démarrage de la caméra…",
  Connecting: "Connexion…",
  Checking: "Vérification en cours. Un instant.",
  TooBright: "Il y a trop de lumière. Détournez-vous de la lumière.",
  MultipleFaces: "Une seule personne doit être visible.",
  Preview: "Ce que voit votre caméra",
  WithoutFlashes: "Continuer sans couleurs clignotantes",
  WithoutFlashesNote: "À la place, on vous demandera de tourner la tête quelques fois.",
  Camera: "Caméra",
  TryAgain: "Réessayer",
  ContinueAnyway: "Continuer quand même",
  Close: "Fermer",
  AttemptsLeft: "Essais restants : {count}",
  WaitSeconds: "Vous pourrez réessayer dans {seconds} secondes.",
  Done: "Terminé",
  DoneAdvice: "La vérification est terminée.",
  Confirmed: "Confirmé",
  ConfirmedAdvice: "La vérification est terminée.",
  NotConfirmed: "Non confirmé",
  NotConfirmedAdvice: "La vérification n'a pas pu confirmer votre présence. Cherchez une lumière régulière, réglez l'écran au maximum et regardez la caméra.",
  FaceTrackingFailedAdvice: "Gardez tout le visage dans l'ovale jusqu'à la fin, dans une lumière régulière.",
  TimedOutAdvice: "Placez votre visage dans l'ovale et suivez les instructions.",
  EnvironmentNotSupportedAdvice: "Ouvrez cette page dans une version récente de Chrome, Edge, Firefox ou Safari.",
  NoFaceDetected: "Aucun visage n'a été trouvé.",
  NoFaceDetectedAdvice: "Regardez la caméra bien en face, le visage éclairé.",
  HeadTurnNotPerformed: "Le mouvement de la tête n'a pas été vu.",
  HeadTurnNotPerformedAdvice: "Tournez nettement la tête dès que la flèche apparaît, puis regardez de nouveau devant vous.",
  FaceEyeRegionNotVisible: "Vos yeux ne sont pas visibles.",
  FaceEyeRegionNotVisibleAdvice: "Retirez les lunettes sombres et dégagez les cheveux de vos yeux.",
  FaceMouthRegionNotVisible: "Votre bouche n'est pas visible.",
  FaceMouthRegionNotVisibleAdvice: "Découvrez la bouche et le menton.",
  FaceWithMaskDetected: "Vous portez un masque.",
  FaceWithMaskDetectedAdvice: "Retirez le masque pendant la vérification.",
  ExcessiveImageBlurDetected: "L'image est floue.",
  ExcessiveImageBlurDetectedAdvice: "Nettoyez la caméra et ne bougez pas.",
  ExcessiveFaceBrightness: "Votre visage est trop éclairé.",
  ExcessiveFaceBrightnessAdvice: "Détournez-vous du soleil ou de la lampe.",
  MultipleFaceFound: "Plusieurs visages sont visibles.",
  MultipleFaceFoundAdvice: "Vous seul devez être visible.",
  FaceNotFrontal: "Vous n'avez pas regardé la caméra.",
  FaceNotFrontalAdvice: "Tenez l'appareil à hauteur des yeux et regardez la caméra bien en face.",
  ImageSizeIsTooSmall: "Votre visage est trop loin.",
  ImageSizeIsTooSmallAdvice: "Rapprochez-vous jusqu'à ce que le visage remplisse l'ovale.",
  InvalidToken: "Cette vérification n'est plus valable.",
  InvalidTokenAdvice: "Revenez en arrière et commencez-en une nouvelle.",
  ServerRequestTimedOut: "Le serveur ne répond pas.",
  ServerRequestTimedOutAdvice: "Vérifiez votre connexion et patientez un instant.",
  ConnectionLost: "La connexion a été interrompue.",
  ConnectionLostAdvice: "Vérifiez votre connexion. Si cela se reproduit, revenez plus tard.",
  UnexpectedServerError: "Le service a un problème.",
  UnexpectedServerErrorAdvice: "Ce n'est pas de votre faute. Revenez plus tard.",
  Unexpected: "Un problème est survenu.",
  UnexpectedAdvice: "Si cela se reproduit, revenez plus tard.",
  UserCanceledSession: "La vérification a été arrêtée.",
  UserCanceledSessionAdvice: "Vous pouvez recommencer à tout moment.",
  CameraPermissionDenied: "La caméra est bloquée.",
  CameraPermissionDeniedAdvice: "Cliquez sur le symbole de caméra ou de cadenas à côté de l'adresse de la page et autorisez la caméra. Si elle reste bloquée, autorisez-la pour votre navigateur dans les réglages de confidentialité de l'ordinateur.",
  CameraPermissionDeniedAdviceAndroid: "Touchez le symbole à côté de l'adresse de la page, puis Autorisations, et autorisez la caméra. Si elle reste bloquée : Paramètres, Applis, votre navigateur, Autorisations.",
  CameraPermissionDeniedAdviceIos: "Ouvrez Réglages, Apps, votre navigateur, et autorisez l'appareil photo. Revenez ensuite à cette page.",
  CameraForbidden: "Cette page ne peut pas utiliser la caméra.",
  CameraForbiddenAdvice: "Le site l'interdit. Prévenez ceux qui le gèrent.",
  CameraStartupFailure: "La caméra ne démarre pas.",
  CameraStartupFailureAdvice: "Débranchez et rebranchez la caméra, ou redémarrez le navigateur.",
  CameraMissing: "Aucune caméra n'a été trouvée.",
  CameraMissingAdvice: "Branchez une caméra, ou ouvrez cette page sur un téléphone.",
  CameraInUse: "La caméra est déjà utilisée.",
  CameraInUseAdvice: "Fermez les autres applications et onglets qui l'utilisent, comme un appel vidéo.",
  CameraVirtual: "Ceci est une caméra virtuelle.",
  CameraVirtualAdvice: "Son image vient d'un programme. Choisissez la caméra de votre appareil.",
  CameraSlow: "La caméra est lente.",
  CameraSlowAdvice: "Elle donne moins de {fps} images par seconde. Plus de lumière aide souvent ; fermer d'autres applications aussi.",
  SceneDark: "Il fait trop sombre.",
  SceneDarkAdvice: "Allumez une lumière devant vous et vérifiez que rien ne couvre la caméra.",
  SceneBright: "Il y a trop de lumière.",
  SceneBrightAdvice: "Détournez-vous de la fenêtre ou de la lampe.",
};

// ---------------------------------------------------------------- texts/pt

const PT = {
  None: "Muito bem. Fique imóvel.",
  LookAtCamera: "Olhe para a câmera.",
  FaceNotCentered: "Leve o rosto para o meio da forma oval.",
  MoveCloser: "Chegue mais perto.",
  ContinueToMoveCloser: "Mais um pouco para a frente.",
  MoveBack: "Afaste-se um pouco.",
  TooMuchMovement: "Por favor, não se mexa.",
  AttentionNotNeeded: "",
  Smile: "Sorria para a câmera.",
  LookInFront: "Olhe em frente.",
  LookUp: "Vire a cabeça para cima.",
  LookUpRight: "Vire a cabeça para cima e para a direita.",
  LookUpLeft: "Vire a cabeça para cima e para a esquerda.",
  LookRight: "Vire a cabeça para a direita.",
  LookLeft: "Vire a cabeça para a esquerda.",
  LookDown: "Vire a cabeça para baixo.",
  LookDownRight: "Vire a cabeça para baixo e para a direita.",
  LookDownLeft: "Vire a cabeça para baixo e para a esquerda.",
  TimedOut: "Demorou demais.",
  EnvironmentNotSupported: "Este navegador não consegue fazer a verificação.",
  FaceTrackingFailed: "O seu rosto saiu da imagem.",
  IncreaseBrightnessToMax: "Aumente o brilho da tela até o máximo.",
  Tip1Title: "O seu rosto",
  Tip1: "Tire óculos de sol, máscara ou chapéu: olhos e boca devem ficar livres. Segure o aparelho na altura dos olhos.",
  Tip2Title: "O lugar",
  Tip2: "Procure uma luz uniforme no rosto, sem sol nem lâmpadas atrás de você.",
  Tip3Title: "O que fazer",
  Tip3: "Encaixe o rosto na forma oval. Talvez seja pedido que vire a cabeça.",
  Continue: "Continuar",
  Title: "Verificação do rosto",
  FlashTitle: "Cores que piscam",
  FlashWarning:
    "Durante alguns segundos a tela alterna entre cores fortes, até quatro vezes por segundo. " +
    "Não continue se luzes que piscam lhe fazem mal. Pode parar a qualquer momento.",
  Cancel: "Cancelar",
  Starting: "Ligando a câmera…",
  Connecting: "Conectando…",
  Checking: "Verificando. Só um instante.",
  TooBright: "Há luz demais. Afaste-se da luz.",
  MultipleFaces: "Só uma pessoa pode aparecer na imagem.",
  Preview: "O que a sua câmera vê",
  WithoutFlashes: "Continuar sem cores que piscam",
  WithoutFlashesNote: "Em vez disso, será pedido que vire a cabeça algumas vezes.",
  Camera: "Câmera",
  TryAgain: "Tentar de novo",
  ContinueAnyway: "Continuar mesmo assim",
  Close: "Fechar",
  AttemptsLeft: "Tentativas restantes: {count}",
  WaitSeconds: "Pode tentar de novo em {seconds} segundos.",
  Done: "Pronto",
  DoneAdvice: "A verificação terminou.",
  Confirmed: "Confirmado",
  ConfirmedAdvice: "A verificação terminou.",
  NotConfirmed: "Não confirmado",
  NotConfirmedAdvice: "Não foi possível confirmar que você está aí. Procure uma luz uniforme, aumente o brilho da tela até o máximo e olhe para a câmera.",
  FaceTrackingFailedAdvice: "Mantenha o rosto inteiro na forma oval até o fim, com luz uniforme.",
  TimedOutAdvice: "Encaixe o rosto na forma oval e siga as instruções.",
  EnvironmentNotSupportedAdvice: "Abra esta página numa versão atual do Chrome, Edge, Firefox ou Safari.",
  NoFaceDetected: "Nenhum rosto foi encontrado.",
  NoFaceDetectedAdvice: "Olhe diretamente para a câmera, com luz no rosto.",
  HeadTurnNotPerformed: "O movimento da cabeça não foi visto.",
  HeadTurnNotPerformedAdvice: "Vire bem a cabeça assim que a seta aparecer e depois olhe em frente.",
  FaceEyeRegionNotVisible: "Os seus olhos não estão visíveis.",
  FaceEyeRegionNotVisibleAdvice: "Tire óculos escuros e afaste o cabelo dos olhos.",
  FaceMouthRegionNotVisible: "A sua boca não está visível.",
  FaceMouthRegionNotVisibleAdvice: "Deixe boca e queixo descobertos.",
  FaceWithMaskDetected: "Você está de máscara.",
  FaceWithMaskDetectedAdvice: "Tire a máscara durante a verificação.",
  ExcessiveImageBlurDetected: "A imagem está desfocada.",
  ExcessiveImageBlurDetectedAdvice: "Limpe a câmera e fique imóvel.",
  ExcessiveFaceBrightness: "O seu rosto está claro demais.",
  ExcessiveFaceBrightnessAdvice: "Afaste-se do sol ou da lâmpada.",
  MultipleFaceFound: "Há mais de um rosto na imagem.",
  MultipleFaceFoundAdvice: "Só você pode aparecer na imagem.",
  FaceNotFrontal: "Você não olhou para a câmera.",
  FaceNotFrontalAdvice: "Segure o aparelho na altura dos olhos e olhe diretamente para a câmera.",
  ImageSizeIsTooSmall: "O seu rosto está longe demais.",
  ImageSizeIsTooSmallAdvice: "Aproxime-se até o rosto preencher a forma oval.",
  InvalidToken: "Esta verificação não é mais válida.",
  InvalidTokenAdvice: "Volte e comece uma nova.",
  ServerRequestTimedOut: "O servidor não responde.",
  ServerRequestTimedOutAdvice: "Verifique a sua conexão e espere um momento.",
  ConnectionLost: "A conexão foi interrompida.",
  ConnectionLostAdvice: "Verifique a sua conexão. Se acontecer de novo, volte mais tarde.",
  UnexpectedServerError: "O serviço tem um problema.",
  UnexpectedServerErrorAdvice: "A culpa não é sua. Volte mais tarde.",
  Unexpected: "Algo deu errado.",
  UnexpectedAdvice: "Se acontecer de novo, volte mais tarde.",
  UserCanceledSession: "A verificação foi interrompida.",
  UserCanceledSessionAdvice: "Pode começar de novo a qualquer momento.",
  CameraPermissionDenied: "A câmera está bloqueada.",
  CameraPermissionDeniedAdvice: "Clique no símbolo da câmera ou do cadeado ao lado do endereço da página e permita a câmera. Se continuar bloqueada, permita-a para o navegador nas definições de privacidade do computador.",
  CameraPermissionDeniedAdviceAndroid: "Toque no símbolo ao lado do endereço da página, depois em Permissões, e permita a câmera. Se continuar bloqueada: Configurações, Apps, o seu navegador, Permissões.",
  CameraPermissionDeniedAdviceIos: "Abra Ajustes, Apps, o seu navegador, e permita a câmera. Depois volte a esta página.",
  CameraForbidden: "Esta página não pode usar a câmera.",
  CameraForbiddenAdvice: "O site não o permite. Avise quem o administra.",
  CameraStartupFailure: "A câmera não inicia.",
  CameraStartupFailureAdvice: "Desligue a câmera e ligue-a de novo, ou reinicie o navegador.",
  CameraMissing: "Nenhuma câmera foi encontrada.",
  CameraMissingAdvice: "Ligue uma câmera ou abra esta página num celular.",
  CameraInUse: "A câmera está em uso.",
  CameraInUseAdvice: "Feche outros aplicativos e abas que a usam, como uma chamada de vídeo.",
  CameraVirtual: "Esta é uma câmera virtual.",
  CameraVirtualAdvice: "A imagem é feita por um programa. Escolha a câmera do seu aparelho.",
  CameraSlow: "A câmera é lenta.",
  CameraSlowAdvice: "Ela fornece menos de {fps} imagens por segundo. Mais luz costuma ajudar; fechar outros aplicativos também.",
  SceneDark: "Está escuro demais.",
  SceneDarkAdvice: "Acenda uma luz à sua frente e veja se nada cobre a câmera.",
  SceneBright: "Há luz demais.",
  SceneBrightAdvice: "Afaste-se da janela ou da lâmpada.",
};

// ---------------------------------------------------------------- texts/zh

const ZH = {
  None: "很好，请保持不动。",
  LookAtCamera: "请看摄像头。",
  FaceNotCentered: "请将脸移到椭圆中央。",
  MoveCloser: "请靠近一些。",
  ContinueToMoveCloser: "再靠近一点。",
  MoveBack: "请后退一点。",
  TooMuchMovement: "请不要移动。",
  AttentionNotNeeded: "",
  Smile: "请对着摄像头微笑。",
  LookInFront: "请目视前方。",
  LookUp: "请向上抬头。",
  LookUpRight: "请向右上方转头。",
  LookUpLeft: "请向左上方转头。",
  LookRight: "请向右转头。",
  LookLeft: "请向左转头。",
  LookDown: "请向下低头。",
  LookDownRight: "请向右下方转头。",
  LookDownLeft: "请向左下方转头。",
  TimedOut: "用时过长。",
  EnvironmentNotSupported: "此浏览器无法进行检查。",
  FaceTrackingFailed: "您的脸离开了画面。",
  IncreaseBrightnessToMax: "请将屏幕亮度调到最高。",
  Tip1Title: "您的脸",
  Tip1: "请摘下墨镜、口罩或帽子，露出眼睛和嘴。将设备举到与眼睛同高。",
  Tip2Title: "您的位置",
  Tip2: "请让光线均匀地照在脸上，背后不要有阳光或灯光。",
  Tip3Title: "如何操作",
  Tip3: "将脸对准椭圆。可能会请您转头。",
  Continue: "继续",
  Title: "人脸检查",
  FlashTitle: "闪烁的颜色",
  FlashWarning: "屏幕会在几秒钟内变换明亮的颜色，每秒最多四次。如果闪光会使您不适，请不要继续。您可以随时停止。",
  Cancel: "取消",
  Starting: "正在启动摄像头…",
  Connecting: "正在连接…",
  Checking: "正在检查，请稍候。",
  TooBright: "光线太强，请避开光源。",
  MultipleFaces: "画面中只能有一个人。",
  Preview: "摄像头画面",
  WithoutFlashes: "不用闪烁颜色继续",
  WithoutFlashesNote: "改为请您转几次头。",
  Camera: "摄像头",
  TryAgain: "重试",
  ContinueAnyway: "仍然继续",
  Close: "关闭",
  AttemptsLeft: "剩余次数：{count}",
  WaitSeconds: "{seconds} 秒后可以重试。",
  Done: "完成",
  DoneAdvice: "检查已完成。",
  Confirmed: "已确认",
  ConfirmedAdvice: "检查已完成。",
  NotConfirmed: "未能确认",
  NotConfirmedAdvice: "检查未能确认您本人在场。请选择均匀的光线，将屏幕调到最亮，并看着摄像头。",
  FaceTrackingFailedAdvice: "请在均匀的光线下，让整张脸一直留在椭圆内，直到检查结束。",
  TimedOutAdvice: "请将脸对准椭圆并按提示操作。",
  EnvironmentNotSupportedAdvice: "请用新版 Chrome、Edge、Firefox 或 Safari 打开此页面。",
  NoFaceDetected: "没有找到人脸。",
  NoFaceDetectedAdvice: "请正对摄像头，并让光线照在脸上。",
  HeadTurnNotPerformed: "没有看到转头。",
  HeadTurnNotPerformedAdvice: "箭头出现后请立即明显地转头，然后再目视前方。",
  FaceEyeRegionNotVisible: "看不到您的眼睛。",
  FaceEyeRegionNotVisibleAdvice: "请摘下深色眼镜，拨开眼前的头发。",
  FaceMouthRegionNotVisible: "看不到您的嘴。",
  FaceMouthRegionNotVisibleAdvice: "请露出嘴和下巴。",
  FaceWithMaskDetected: "您戴着口罩。",
  FaceWithMaskDetectedAdvice: "检查时请摘下口罩。",
  ExcessiveImageBlurDetected: "画面模糊。",
  ExcessiveImageBlurDetectedAdvice: "请擦拭摄像头并保持不动。",
  ExcessiveFaceBrightness: "您的脸过亮。",
  ExcessiveFaceBrightnessAdvice: "请避开阳光或灯光。",
  MultipleFaceFound: "画面中不止一张脸。",
  MultipleFaceFoundAdvice: "画面中只能有您一人。",
  FaceNotFrontal: "您没有看摄像头。",
  FaceNotFrontalAdvice: "请将设备举到与眼睛同高，并正视摄像头。",
  ImageSizeIsTooSmall: "您的脸离得太远。",
  ImageSizeIsTooSmallAdvice: "请靠近，直到脸充满椭圆。",
  InvalidToken: "此次检查已失效。",
  InvalidTokenAdvice: "请返回并重新开始。",
  ServerRequestTimedOut: "服务器没有响应。",
  ServerRequestTimedOutAdvice: "请检查网络连接并稍候。",
  ConnectionLost: "连接已中断。",
  ConnectionLostAdvice: "请检查网络连接。如果再次出现，请稍后再来。",
  UnexpectedServerError: "服务出现问题。",
  UnexpectedServerErrorAdvice: "这不是您的问题，请稍后再来。",
  Unexpected: "出现问题。",
  UnexpectedAdvice: "如果再次出现，请稍后再来。",
  UserCanceledSession: "检查已停止。",
  UserCanceledSessionAdvice: "您可以随时重新开始。",
  CameraPermissionDenied: "摄像头被阻止。",
  CameraPermissionDeniedAdvice: "请点击页面地址旁的摄像头或锁形图标并允许使用摄像头。如果仍被阻止，请在电脑的隐私设置中允许浏览器使用摄像头。",
  CameraPermissionDeniedAdviceAndroid: "请点按页面地址旁的图标，再点权限，允许使用摄像头。如果仍被阻止：设置、应用、您的浏览器、权限。",
  CameraPermissionDeniedAdviceIos: "请打开“设置”、“App”、您的浏览器，允许使用相机，然后回到此页面。",
  CameraForbidden: "此页面不能使用摄像头。",
  CameraForbiddenAdvice: "网站禁止使用摄像头，请告知网站管理者。",
  CameraStartupFailure: "摄像头无法启动。",
  CameraStartupFailureAdvice: "请重新插拔摄像头，或重启浏览器。",
  CameraMissing: "没有找到摄像头。",
  CameraMissingAdvice: "请连接摄像头，或在手机上打开此页面。",
  CameraInUse: "摄像头正被占用。",
  CameraInUseAdvice: "请关闭正在使用它的其他应用和标签页，例如视频通话。",
  CameraVirtual: "这是虚拟摄像头。",
  CameraVirtualAdvice: "它的画面由程序生成。请选择设备自带的摄像头。",
  CameraSlow: "摄像头太慢。",
  CameraSlowAdvice: "它每秒的画面少于 {fps} 幅。增加光线或关闭其他应用通常有帮助。",
  SceneDark: "光线太暗。",
  SceneDarkAdvice: "请打开您前方的灯，并检查摄像头是否被遮住。",
  SceneBright: "光线太强。",
  SceneBrightAdvice: "请避开窗户或灯光。",
};

// ---------------------------------------------------------------- texts

/** The texts by language: copy and change them for `languageDictionary`. */
const languages = Object.freeze({
  ar: Object.freeze(AR),
  de: Object.freeze(DE),
  en: Object.freeze(EN),
  es: Object.freeze(ES),
  fa: Object.freeze(FA),
  fr: Object.freeze(FR),
  pt: Object.freeze(PT),
  zh: Object.freeze(ZH),
});

const RIGHT_TO_LEFT = new Set(["ar", "arc", "dv", "fa", "ha", "he", "khw", "ks", "ku", "ps", "ur", "yi"]);

/** What names the cause better than `livenessError`, which covers several. */
const FINER = new Set([
  RecognitionError.MultipleFaceFound, RecognitionError.FaceNotFrontal, RecognitionError.ImageSizeIsTooSmall,
  ...Object.keys(Reason),
]);

/** Errors that have the text of another one. */
const SAME = { UserCanceledActiveMotion: "UserCanceledSession", UserCanceledActiveMotionPrompt: "UserCanceledSession" };

/** Texts of a locale (BCP 47), with some of one's own; keys that nobody translated are English. */
class Texts {
  constructor(locale, own) {
    const language = String(locale || "en").toLowerCase().split(/[-_]/)[0];
    const known = languages[language];
    const given = own && typeof own === "object" ? own : {};
    this.table = { ...EN, ...known, ...given };
    // Own texts may be in a language that this file does not have.
    this.language = known || Object.keys(given).length ? String(locale || "en").replace("_", "-") : "en";
    this.direction = RIGHT_TO_LEFT.has(language) && this.language !== "en" ? "rtl" : "ltr";
  }

  /** Advice by its key; an unknown key, of a newer server, becomes advice that is never wrong. */
  get(key) {
    return this.table[key] ?? this.table.LookAtCamera;
  }

  /** A text with `{name}` replaced. */
  fill(key, values) {
    return this.get(key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  /**
   * An error in words for the person: never a name of the protocol.
   *
   * @param {{livenessError: string, recognitionError?: string, reason?: string}} error
   * @returns {{title: string, advice: string}}
   */
  explain({ livenessError, recognitionError, reason }, values = { fps: 15 }) {
    const finer = [reason, recognitionError].find((name) => FINER.has(name));
    const name = SAME[livenessError] ?? livenessError;
    const key = [finer, name].find((key) => key && `${key}Advice` in this.table) ?? "Unexpected";
    const platform = `${key}Advice${device()}`;
    return { title: this.get(key), advice: this.fill(platform in this.table ? platform : `${key}Advice`, values) };
  }
}

/** The kind of device whose settings are described, or "". */
function device() {
  const agent = globalThis.navigator?.userAgent ?? "";
  if (/Android/.test(agent)) return "Android";
  // An iPad calls itself a Mac, but no Mac has a touch screen.
  return /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1) ? "Ios" : "";
}

/**
 * A rejection of `start` in words for the person, for an application that shows it itself.
 *
 * @param {{livenessError: string, recognitionError?: string, reason?: string}} error
 * @param {string} [locale] BCP 47
 * @param {Record<string, string>} [languageDictionary] own texts by key
 * @returns {{title: string, advice: string}}
 */
function explain(error, locale = "en", languageDictionary = undefined) {
  return new Texts(locale, languageDictionary).explain(error);
}

// ---------------------------------------------------------------- token

/** The payload of a session's token. The server checks the signature; here it only says where to connect. */
function readToken(token) {
  try {
    const part = String(token).trim().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    const channel = new URL(claims.route, claims.endpoint);
    if (typeof claims.sid !== "string" || !/^https?:$/.test(channel.protocol)) throw new TypeError("claims");
    return claims;
  } catch {
    throw new LivenessDetectionError(LivenessError.InvalidToken, "start() takes the authToken of a liveness session");
  }
}

// ---------------------------------------------------------------- dom

/** An HTML element with properties, attributes (given as `$name`) and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("$")) element.setAttribute(name.slice(1), value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A drawing of strokes in a square of 24 units. */
function drawing(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const stroke = document.createElementNS(space, "path");
  const look = { d: path, fill: "none", stroke: "currentColor", "stroke-width": "2.5", "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [name, value] of Object.entries(look)) stroke.setAttribute(name, value);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(stroke);
  return svg;
}

const SUN = "M12 8a4 4 0 1 1 0 8a4 4 0 1 1 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5";
const CHECK = "M4 12.5l5.5 5.5l10.5-12";
const NOTICE = "M12 3l10 18h-20zM12 10v5M12 18v.2";
const ARROW = "M4 12h15M13 5l7 7l-7 7";

/** Sets styles that an application gives as CSS text, as Azure's element takes them, or as an object. */
function applyStyles(element, styles) {
  if (typeof styles === "string") element.style.cssText = styles;
  else if (styles && typeof styles === "object") Object.assign(element.style, styles);
}

// ---------------------------------------------------------------- view

/** What the person sees: a modal dialog over the whole page with one of three pages: advice, camera, notice. */
class View {
  /** How long a text stands at least, so that it can be read and heard. */
  static HOLD_MS = 700;
  /** How long the last page stands when there is nothing to decide. */
  static DONE_MS = 1600;

  /**
   * @param {ShadowRoot} root where the dialog goes
   * @param {Texts} texts in the person's language
   * @param {any} settings of the element
   * @param {() => void} cancel called when the person wants to stop
   */
  constructor(root, texts, settings, cancel) {
    this.root = root;
    this.texts = texts;
    this.settings = settings;
    this.focused = /** @type {HTMLElement | null} */ (document.activeElement);
    this.answered = null;
    this.intro = make("div", { className: "intro" });
    this.notice = make("div", { className: "intro notice", hidden: true });
    this.capture = this.#capturePage(cancel);
    this.dialog = make(
      "dialog",
      { lang: texts.language, dir: texts.direction, "$aria-label": this.#text("Title") },
      this.intro,
      this.capture,
      this.notice,
    );
    // Escape; a browser may close the dialog itself when it is pressed twice.
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      cancel();
    });
    this.dialog.addEventListener("close", cancel);
    const { fontSize, fontFamily } = settings;
    if (fontSize) this.dialog.style.fontSize = typeof fontSize === "number" ? `${fontSize}px` : fontSize;
    if (fontFamily) this.dialog.style.fontFamily = fontFamily;
  }

  #text(key) {
    return this.texts.get(key);
  }

  #capturePage(cancel) {
    // Playing inside the page and without sound is what phones let start by itself.
    this.video = make("video", { muted: true, playsInline: true, autoplay: true, $playsinline: "", "$aria-hidden": "true" });
    this.video.addEventListener("resize", () => this.frame()); // the device was turned
    this.said = make("div", { className: "said", $role: "status", "$aria-live": "polite", "$aria-atomic": "true" });
    applyStyles(this.said, this.settings.feedbackMessageStyles);
    this.spinner = make("div", { className: "spinner", hidden: true });
    this.arrow = make("div", { className: "arrow", hidden: true, "$aria-hidden": "true" }, drawing(ARROW));
    this.stage = make(
      "div",
      { className: "stage", tabIndex: -1, $role: "group", "$aria-label": this.#text("Preview") },
      make("div", { className: "oval" }, this.video),
      this.arrow,
      this.spinner,
    );
    this.fill = make("i");
    this.choice = make("div", { hidden: true });
    const leave = make("button", { type: "button", className: "cancel", textContent: this.#text("Cancel"), onclick: cancel });
    const bar = make("div", { className: "bar", "$aria-hidden": "true" }, this.fill);
    const foot = make("div", { className: "foot" }, bar, make("div", { className: "row" }, this.choice, leave));
    return make("div", { className: "capture", hidden: true }, this.said, this.stage, foot);
  }

  open() {
    this.root.append(this.dialog);
    this.dialog.showModal();
  }

  close() {
    clearTimeout(this.timer);
    this.video.srcObject = null;
    this.dialog.close();
    this.dialog.remove();
    if (this.focused?.isConnected) this.focused.focus?.({ preventScroll: true });
  }

  // Pages that ask

  /** Answer the page that asks; false when none does. */
  answer(value) {
    if (!this.answered) return false;
    this.answered(value);
    this.answered = null;
    return true;
  }

  #ask(page) {
    this.#turnTo(page);
    page.querySelector("h2").focus();
    return new Promise((resolve) => {
      this.answered = resolve;
    });
  }

  #turnTo(page) {
    for (const other of [this.intro, this.capture, this.notice]) other.hidden = other !== page;
    for (const other of [this.intro, this.notice]) if (other !== page) other.replaceChildren();
    this.dialog.classList.toggle("live", page === this.capture);
    this.colour("");
    this.dialog.scrollTop = 0;
  }

  #button(key, value, primary = false) {
    const button = make("button", { type: "button", className: primary ? "primary" : "cancel", textContent: this.#text(key), onclick: () => this.answer(value) });
    if (primary) applyStyles(button, this.settings.buttonStyles);
    return button;
  }

  /**
   * Show the advice and the warning.
   *
   * @returns {Promise<string>} "go", "calm" for without flashes, or "cancel"
   */
  introduce({ flashes, mayBeCalm }) {
    const { brightnessImagePath, skipInstructions } = this.settings;
    const tips = [1, 2, 3].map((number) =>
      make("li", {}, make("h3", { textContent: this.#text(`Tip${number}Title`) }), make("p", { textContent: this.#text(`Tip${number}`) })),
    );
    const image = brightnessImagePath ? make("img", { src: brightnessImagePath, alt: "" }) : drawing(SUN);
    const advice = [
      make("ul", { className: "tips", $role: "list" }, ...tips),
      make("div", { className: "bright" }, image, make("p", { textContent: this.#text("IncreaseBrightnessToMax") })),
    ];
    const calm = [make("p", { textContent: this.#text("WithoutFlashesNote") }), this.#button("WithoutFlashes", "calm")];
    const warning = make(
      "div",
      { className: "warning", $role: "note", id: "warning" },
      make("h3", { textContent: this.#text("FlashTitle") }),
      make("p", { textContent: this.#text("FlashWarning") }),
      ...(mayBeCalm ? [make("div", { className: "calm" }, ...calm)] : []),
    );
    this.intro.replaceChildren(
      make("h2", { tabIndex: -1, textContent: this.#text("Title") }),
      ...(skipInstructions ? [] : advice),
      ...(flashes ? [warning] : []),
      make("div", { className: "buttons" }, this.#button("Cancel", "cancel"), this.#button("Continue", "go", true)),
    );
    return this.#ask(this.intro);
  }

  /**
   * Tell what hinders, or what came of it, and ask what to do.
   *
   * @param {{title: string, advice: string, note?: string, waitSeconds?: number, cameras?: MediaDeviceInfo[],
   *   deviceId?: string, actions: string[]}} page `actions` are keys of texts: the first is what most people want
   * @returns {Promise<string>} the action, or "cancel"; the chosen camera is in `camera`
   */
  notify({ title, advice, note = "", waitSeconds = 0, cameras = [], deviceId, actions }) {
    this.camera = null;
    const buttons = actions.map((key, at) => this.#button(key, key, at === 0));
    const more = [];
    if (note) more.push(make("p", { className: "note", textContent: note }));
    if (waitSeconds > 0) {
      more.push(make("p", { className: "note", textContent: this.texts.fill("WaitSeconds", { seconds: waitSeconds }) }));
      buttons[0].disabled = true;
      setTimeout(() => {
        buttons[0].disabled = false;
      }, waitSeconds * 1000);
    }
    if (cameras.length) {
      const picker = this.#picker(cameras, deviceId, (chosen) => {
        this.camera = chosen;
      });
      this.camera = picker.querySelector("select").value;
      more.push(picker);
    }
    this.#say(NOTICE, "", title, advice, ...more, make("div", { className: "buttons" }, ...buttons.reverse()));
    return this.#ask(this.notice);
  }

  /** Show that all is done, for a moment. */
  async conclude({ title, advice }) {
    this.#say(CHECK, "good", title, advice);
    const left = this.#ask(this.notice);
    let timer;
    await Promise.race([left, new Promise((resolve) => (timer = setTimeout(resolve, View.DONE_MS)))]);
    clearTimeout(timer);
    this.answered = null;
  }

  #say(path, kind, title, advice, ...more) {
    const told = make("div", { $role: "status" });
    this.notice.replaceChildren(
      make("div", { className: `sign ${kind}`, "$aria-hidden": "true" }, drawing(path)),
      make("h2", { tabIndex: -1, textContent: title }),
      told,
      ...more,
    );
    told.append(make("p", { textContent: advice })); // after the element, so that a screen reader hears it
  }

  #picker(cameras, deviceId, chosen) {
    const option = ({ label, deviceId }, at) => make("option", { value: deviceId, textContent: label || `${this.#text("Camera")} ${at + 1}` });
    const select = make("select", {}, ...cameras.map(option));
    if (cameras.some((camera) => camera.deviceId === deviceId)) select.value = deviceId;
    select.addEventListener("change", () => chosen(select.value));
    return make("label", { className: "picker" }, `${this.#text("Camera")} `, select);
  }

  // The camera's page

  /** Turn to the camera's page, as it is at the beginning. */
  showCapture() {
    this.spinner.hidden = true;
    this.point(null);
    this.progress(0);
    this.offer([]);
    this.#turnTo(this.capture);
    this.stage.focus();
  }

  /** Offer a choice of cameras; none for no choice. */
  offer(cameras, deviceId, chosen) {
    this.choice.hidden = !cameras.length;
    this.choice.replaceChildren(...(cameras.length ? [this.#picker(cameras, deviceId, chosen)] : []));
  }

  mirror(mirrored) {
    this.mirrored = mirrored;
    this.frame();
  }

  /** Enlarge the picture so that a face of the wanted size fills the oval. */
  frame(guidance = this.guidance) {
    this.guidance = guidance;
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    const { maxWidth = 0.65 } = guidance ?? {};
    const seen = Math.min(width, height * 0.75);
    const zoom = Math.max(1, seen / (Math.min(width, height) * maxWidth * 1.15));
    this.video.style.transform = `scale(${this.mirrored === false ? zoom : -zoom}, ${zoom})`;
  }

  /** Say a text by its key. A text stands for a while unless the next one cannot wait. */
  say(key, urgent = false) {
    if (key === this.key && this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const wait = urgent ? 0 : (this.since ?? -Infinity) + View.HOLD_MS - performance.now();
    if (wait > 0) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.say(key, true);
      }, wait);
      return;
    }
    if (key === this.key) return;
    this.key = key;
    this.since = performance.now();
    this.said.textContent = this.#text(key);
    this.stage.classList.toggle("placed", key === "None");
  }

  colour(colour) {
    this.dialog.style.backgroundColor = colour;
  }

  progress(share) {
    this.fill.style.transform = `scaleX(${Math.min(1, share)})`;
  }

  point(direction) {
    this.arrow.hidden = !direction;
    this.arrow.className = `arrow ${direction ?? ""}`;
  }

  wait() {
    this.point(null);
    this.colour("");
    this.spinner.hidden = false;
    this.say("Checking", true);
  }
}

// ---------------------------------------------------------------- check

/** What trying again with the same session cannot mend. */
const FINAL = new Set([
  LivenessError.InvalidToken, LivenessError.EnvironmentNotSupported, LivenessError.ClientVersionNotSupported,
  LivenessError.VerifyImageNotProvided,
]);
const STOPPED = new Set([
  LivenessError.UserCanceledSession, LivenessError.UserCanceledActiveMotion, LivenessError.UserCanceledActiveMotionPrompt,
]);
/** What the person may ignore. */
const ADVICE = new Set([Reason.CameraSlow, Reason.SceneDark, Reason.SceneBright]);
const CAMERA = new Set([LivenessError.CameraStartupFailure, LivenessError.CameraPermissionDenied]);

/** One call of `start`: advice, then attempts until one gives a result or the person stops. */
class Check {
  /** Nobody waits longer before a screen. */
  static LONGEST_WAIT_SECONDS = 120;

  constructor(element, settings, token) {
    this.element = element;
    this.settings = settings;
    this.token = token;
    this.attempt = null;
    /** @type {any} */
    this.claims = {};
    this.ignored = new Set();
    this.texts = new Texts(settings.locale, settings.languageDictionary);
    this.view = new View(element.shadowRoot, this.texts, settings, () => this.cancel());
  }

  async run() {
    this.view.open();
    try {
      return await this.#run();
    } finally {
      this.view.close();
    }
  }

  /** Stop, on whatever screen the person is. */
  cancel() {
    if (!this.view.answer("cancel")) this.attempt?.cancel();
  }

  async #run() {
    try {
      this.claims = this.#begin();
    } catch (error) {
      await this.#mayTryAgain(error);
      throw error;
    }
    const calm = this.settings.withoutFlashes;
    const answer = await this.view.introduce({ flashes: !calm, mayBeCalm: !calm && this.claims.wf === true });
    if (answer === "cancel") throw canceled();
    const withoutFlashes = calm || answer === "calm";
    for (;;) {
      this.attempt = new Attempt(this.view, { ...this.settings, withoutFlashes }, { claims: this.claims, token: this.token, ignored: this.ignored });
      try {
        const result = await this.attempt.run();
        if (await this.#isOver(result, this.attempt.attemptsLeft)) return result;
      } catch (error) {
        if (error instanceof CameraChosen) this.#choose(error.deviceId);
        else if (!(await this.#mayTryAgain(error))) throw error;
      }
    }
  }

  #begin() {
    if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia || !globalThis.WebSocket || !crypto.subtle) {
      throw new LivenessDetectionError(LivenessError.EnvironmentNotSupported, "needs HTTPS (or localhost) and a camera API");
    }
    const claims = readToken(this.token);
    if (this.settings.withoutFlashes && claims.wf !== true) {
      throw new LivenessDetectionError(LivenessError.UnexpectedClientError, "the server does not allow checks without flashes");
    }
    return claims;
  }

  /** Show that the check is done; false when the person wants another attempt. */
  async #isOver({ livenessDecision }, attemptsLeft) {
    if (this.settings.skipOutcome) return true;
    const told = livenessDecision === undefined ? "Done" : livenessDecision === "realface" ? "Confirmed" : "NotConfirmed";
    const page = { good: told !== "NotConfirmed", title: this.texts.get(told), advice: this.texts.get(`${told}Advice`) };
    if (page.good) {
      await this.view.conclude(page);
      return true;
    }
    const again = attemptsLeft > 0;
    const answer = await this.view.notify({ ...page, note: this.#left(attemptsLeft), actions: again ? ["TryAgain", "Close"] : ["Close"] });
    return answer !== "TryAgain";
  }

  /** Show an error in the person's words; true when the person wants to try again. */
  async #mayTryAgain(error) {
    const { livenessError, reason, attemptsLeft, retryAfterSeconds = 0 } = error;
    if (STOPPED.has(livenessError)) return false;
    if (this.settings.skipOutcome) return false;
    this.element.dispatchEvent(new CustomEvent("problem", { detail: error }));
    const advice = ADVICE.has(reason) && !error.hopeless;
    const final = FINAL.has(livenessError) || reason === Reason.CameraForbidden || attemptsLeft === 0;
    const again = !final && retryAfterSeconds <= Check.LONGEST_WAIT_SECONDS;
    const cameras = CAMERA.has(livenessError) ? await Camera.list(this.claims.vc === true) : [];
    const refused = error.label !== undefined && isVirtual(error.label);
    const answer = await this.view.notify({
      ...this.texts.explain(error, { fps: this.settings.minimumFrameRate }),
      note: again ? this.#left(attemptsLeft) : "",
      waitSeconds: again ? retryAfterSeconds : 0,
      cameras: cameras.length > (refused ? 0 : 1) ? cameras : [],
      deviceId: refused ? undefined : error.deviceId,
      actions: [...(again ? ["TryAgain"] : []), ...(advice ? ["ContinueAnyway"] : []), again ? "Cancel" : "Close"],
    });
    if (answer === "ContinueAnyway") this.ignored.add(reason);
    else if (answer !== "TryAgain") {
      if (advice) throw canceled();
      return false;
    }
    const chosen = this.view.camera;
    if (chosen && chosen !== error.deviceId) this.#choose(chosen);
    return true;
  }

  #choose(deviceId) {
    this.settings.mediaInfoDeviceId = deviceId;
    Camera.choose(deviceId);
    this.element.dispatchEvent(new CustomEvent("camerachange", { detail: { deviceId } }));
  }

  #left(count) {
    return count === undefined ? "" : this.texts.fill("AttemptsLeft", { count });
  }
}

// ---------------------------------------------------------------- style

const STYLE = `
:host { display: block; }
:host([hidden]) { display: none; }
dialog {
  --paper: #ffffff; --ink: #1b1b1f; --soft: #4b4b55; --line: #8a8a94; --accent: #1a56c4; --on-accent: #ffffff;
  --warn-paper: #fff3d6; --warn-ink: #3d2c00; --warn-line: #a86f00; --good: #0d6b34;
  color-scheme: light dark;
  box-sizing: border-box; position: fixed; inset: 0; margin: 0; padding: 0; border: 0;
  width: 100vw; max-width: none; height: 100vh; height: 100dvh; max-height: none; overflow: auto;
  background: var(--paper); color: var(--ink);
  font: 400 1.125rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
dialog::backdrop { background: #000; }
@media (prefers-color-scheme: dark) {
  dialog:not(.live) {
    --paper: #16161a; --ink: #f1f1f4; --soft: #c3c3cc; --line: #7d7d88; --accent: #a9c6ff; --on-accent: #0a2a66;
    --warn-paper: #3a2d0c; --warn-ink: #ffe9b8; --warn-line: #d9a62e; --good: #7fd6a2;
  }
}
dialog.live { color-scheme: light; background: #ffffff; overflow: hidden; }
[hidden] { display: none !important; }
h2, h3, p, ul { margin: 0; padding: 0; }
h2 { font-size: 1.5em; line-height: 1.2; }
h3 { font-size: 1em; }
h2:focus, .stage:focus { outline: none; }

.intro {
  box-sizing: border-box; min-height: 100%; max-width: 36rem; margin: 0 auto;
  padding: max(1.25rem, env(safe-area-inset-top)) 1.25rem max(1.25rem, env(safe-area-inset-bottom));
  display: flex; flex-direction: column; gap: 1rem; justify-content: center;
}
.tips { list-style: none; display: grid; gap: .75rem; }
.tips p, .bright p { color: var(--soft); }
.bright { display: flex; gap: .75rem; align-items: center; }
.bright img, .bright svg { flex: none; width: 2.5rem; height: 2.5rem; object-fit: contain; }
.warning {
  background: var(--warn-paper); color: var(--warn-ink); border-inline-start: .3rem solid var(--warn-line);
  border-radius: .4rem; padding: .75rem 1rem;
}
.calm { display: grid; gap: .5rem; justify-items: start; margin-top: .75rem; }
.sign { width: 3rem; height: 3rem; color: var(--warn-line); }
.sign.good { color: var(--good); }
.sign svg { display: block; width: 100%; height: 100%; }
.note { color: var(--soft); }
.picker { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; font-size: 1rem; }
select {
  font: inherit; min-height: 2.75rem; max-width: 100%; padding: .3rem .6rem; border-radius: .5rem;
  border: 2px solid var(--line); background: var(--paper); color: var(--ink);
}
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; justify-content: flex-end; }
button {
  font: inherit; font-weight: 600; min-height: 2.75rem; min-width: 7rem; padding: .4rem 1.25rem; cursor: pointer;
  border-radius: 1.5rem; border: 2px solid var(--line); background: var(--paper); color: var(--ink);
}
button.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
button:disabled { opacity: .55; cursor: default; }
button:focus-visible, select:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }

.capture {
  box-sizing: border-box; height: 100%; display: grid; grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr);
  justify-items: center; gap: .75rem;
  padding: max(.75rem, env(safe-area-inset-top)) .75rem max(.75rem, env(safe-area-inset-bottom));
}
.said {
  box-sizing: border-box; width: 100%; max-width: 30rem; min-height: 3.2em; display: grid; place-items: center;
  padding: .5rem 1rem; border-radius: .8rem; border: 1px solid #8a8a94;
  background: #ffffff; color: #1b1b1f; font-size: 1.15em; font-weight: 600; text-align: center;
}
.stage { position: relative; height: 100%; aspect-ratio: 3 / 4; max-width: 84%; min-height: 0; }
.oval {
  position: absolute; inset: 0; margin: auto; max-height: 100%; aspect-ratio: 3 / 4; width: 100%; box-sizing: border-box;
  border-radius: 50%; overflow: hidden; border: .35rem solid #3c3c46; background: #2a2a30;
}
.stage.placed .oval { border-color: #0d6b34; }
video { display: block; width: 100%; height: 100%; object-fit: cover; transform: scaleX(-1); }
.arrow {
  position: absolute; width: 5rem; height: 5rem; padding: .6rem; box-sizing: border-box; border-radius: 50%;
  background: #1b1b1f; color: #ffffff;
}
.arrow svg { display: block; width: 100%; height: 100%; }
.arrow.left { left: -.5rem; top: calc(50% - 2.5rem); }
.arrow.right { right: -.5rem; top: calc(50% - 2.5rem); }
.arrow.up { top: -.5rem; left: calc(50% - 2.5rem); }
.arrow.down { bottom: -.5rem; left: calc(50% - 2.5rem); }
.arrow.left svg { transform: rotate(180deg); }
.arrow.up svg { transform: rotate(-90deg); }
.arrow.down svg { transform: rotate(90deg); }
.foot { width: 100%; max-width: 30rem; display: grid; gap: .6rem; justify-items: center; }
.bar { width: 100%; height: .4rem; border-radius: .2rem; background: #ffffff; border: 1px solid #3c3c46; overflow: hidden; }
.bar i { display: block; height: 100%; background: #3c3c46; transform: scaleX(0); transform-origin: left; }
dialog[dir="rtl"] .bar i { transform-origin: right; }
.row { width: 100%; display: flex; flex-wrap: wrap; gap: .6rem; justify-content: center; align-items: center; }
.row .picker { padding: .2rem .8rem; border-radius: .8rem; background: #ffffff; border: 1px solid #8a8a94; }
.row select { max-width: 12rem; }
.foot button { background: #ffffff; color: #1b1b1f; border-color: #3c3c46; }
.foot button:disabled { opacity: .55; cursor: default; }
button:focus-visible, select:focus-visible { outline-color: #1b1b1f; box-shadow: 0 0 0 6px #ffffff; }
.spinner {
  width: 3rem; height: 3rem; border-radius: 50%; border: .35rem solid #c9c9d2; border-top-color: #1a56c4;
  position: absolute; inset: 0; margin: auto; animation: turn 1s linear infinite;
}
@keyframes turn { to { transform: rotate(1turn); } }
@keyframes nudge { 50% { translate: .3rem 0; } }
.arrow svg { animation: nudge .8s ease-in-out infinite; }
@media (prefers-reduced-motion: reduce) {
  .spinner { animation: none; border-top-color: #c9c9d2; border-style: dotted; }
  .arrow svg { animation: none; }
}
@media (orientation: landscape) and (max-height: 30rem) {
  .capture { grid-template: minmax(0, 1fr) / minmax(0, 1fr) auto minmax(0, 1fr); align-items: center; }
  .said { font-size: 1em; }
  .intro { max-width: 60rem; gap: .6rem; font-size: 1rem; }
  .buttons { position: sticky; bottom: 0; padding-block: .5rem; background: var(--paper); }
  .tips { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .calm { grid-template-columns: minmax(0, 1fr) auto; align-items: center; }
}
@media (forced-colors: active) {
  .oval, button, .said, .warning { border: 2px solid CanvasText; }
  dialog.live, .bar, .bar i { forced-color-adjust: none; }
}
`;

let sheet = null;

function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  return sheet;
}

// ---------------------------------------------------------------- elements

/** @type {Readonly<Record<string, any>>} */
const DEFAULTS = Object.freeze({
  locale: "en",
  languageDictionary: undefined,
  mediaInfoDeviceId: undefined,
  fontSize: undefined,
  fontFamily: undefined,
  buttonStyles: undefined,
  feedbackMessageStyles: undefined,
  brightnessImagePath: undefined,
  skipInstructions: false,
  skipOutcome: false,
  withoutFlashes: false,
  minimumFrameRate: 15,
  deviceCorrelationId: undefined,
  userCorrelationId: undefined,
});

const NOT_ATTRIBUTES = new Set(["languageDictionary"]);
const FROM_ATTRIBUTES = new Map(
  Object.keys(DEFAULTS)
    .filter((name) => !NOT_ATTRIBUTES.has(name))
    .map((name) => [name.toLowerCase(), name]),
);

/** The value of a property that an attribute gives. */
function fromAttribute(name, value) {
  if (typeof DEFAULTS[name] === "boolean") return value !== null && value !== "false";
  if (value === null) return DEFAULTS[name];
  return typeof DEFAULTS[name] === "number" ? Number(value) || 0 : value;
}

/** Frameworks that draw pages on a server import the module there, where there are no elements. */
const Element = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

/** The custom element. All properties are read when `start` is called. */
class FaceLivenessDetector extends Element {
  static observedAttributes = [...FROM_ATTRIBUTES.keys()];

  /** What properties are until they are set. */
  static defaults = DEFAULTS;

  #settings = { .../** @type {typeof FaceLivenessDetector} */ (this.constructor).defaults };
  #check = null;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styleSheet()];
    for (const name of [...Object.keys(DEFAULTS), "continueButtonStyles"]) {
      // Set before the element was upgraded: an own property that hides the accessor.
      if (Object.hasOwn(this, name)) {
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
    }
  }

  static {
    for (const name of Object.keys(DEFAULTS)) {
      Object.defineProperty(this.prototype, name, {
        configurable: true,
        enumerable: true,
        get() {
          return this.#settings[name];
        },
        set(value) {
          this.#settings[name] = value;
        },
      });
    }
  }

  /** The former name of `buttonStyles`. */
  get continueButtonStyles() {
    return this.buttonStyles;
  }

  set continueButtonStyles(value) {
    this.buttonStyles = value;
  }

  attributeChangedCallback(attribute, _before, value) {
    const name = FROM_ATTRIBUTES.get(attribute);
    this[name] = fromAttribute(name, value);
  }

  disconnectedCallback() {
    this.cancel();
  }

  /** Stop what `start` began, as *Cancel* does; nothing happens when nothing runs. */
  cancel() {
    this.#check?.cancel();
  }

  /**
   * Run a session: attempts until one gives a result, or the person stops.
   *
   * @param {string} sessionAuthorizationToken the session's `authToken`
   * @returns {Promise<{
   *   resultId: string,
   *   digest: string,
   *   livenessDecision?: string,
   *   verifyResult?: { matchConfidence: number, isIdentical: boolean },
   * }>} rejects with a `LivenessDetectionError`
   */
  async start(sessionAuthorizationToken) {
    if (this.#check) throw new LivenessDetectionError(LivenessError.UnexpectedClientError, "an attempt is running");
    if (!this.isConnected) throw new LivenessDetectionError(LivenessError.UnexpectedClientError, "put the element into the page first");
    this.#check = new Check(this, { ...this.#settings }, sessionAuthorizationToken);
    try {
      return await this.#check.run();
    } finally {
      this.#check = null;
    }
  }

  /** The video cameras among devices of `navigator.mediaDevices.enumerateDevices()`. */
  filterToSupportedMediaInfoDevices(devices) {
    return devices.filter((device) => device.kind === "videoinput");
  }
}

/** The element under Azure's names: its applications show problems and outcomes themselves. */
class AzureDetector extends FaceLivenessDetector {
  static defaults = Object.freeze({ ...DEFAULTS, skipOutcome: true });
}

/** @returns {Readonly<Record<string | number, any>>} names by number and numbers by name */
const numbered = (...list) => {
  const table = {};
  list.forEach((name, number) => {
    table[name] = number;
    table[number] = name;
  });
  return Object.freeze(table);
};

const LivenessStatus = numbered("NotComputed", "Failed", "Live", "Spoof", "CompletedResultQueryableFromService");
const LivenessFailureReason = numbered(...Object.keys(LivenessError));
const RecognitionStatus = numbered("NotComputed", "Failed", "Recognized", "NotRecognized", "CompletedResultQueryableFromService");
const RecognitionFailureReason = numbered(...Object.keys(RecognitionError));

const DECISIONS = { realface: "Live", spoofface: "Spoof", uncertain: "Failed" };

/** The shape before `start`: a `token`, and an `analyzed` event with `result` (also as `detail`). */
class FaceAnalyzer extends AzureDetector {
  static observedAttributes = [...FaceLivenessDetector.observedAttributes, "token"];

  #token = "";

  constructor() {
    super();
    Object.assign(this, { LivenessStatus, LivenessFailureReason, RecognitionStatus, RecognitionFailureReason });
    if (Object.hasOwn(this, "token")) {
      const value = this.token;
      delete this.token;
      this.token = value;
    }
  }

  get token() {
    return this.#token;
  }

  set token(value) {
    this.#token = String(value ?? "");
  }

  attributeChangedCallback(attribute, before, value) {
    if (attribute === "token") this.token = value;
    else super.attributeChangedCallback(attribute, before, value);
  }

  connectedCallback() {
    if (this.#token) this.analyzeOnceAgain();
  }

  /** Run an attempt with the token as it is set now. */
  async analyzeOnceAgain() {
    let result;
    try {
      const { resultId, digest, livenessDecision, verifyResult } = await this.start(this.#token);
      const status = livenessDecision ? DECISIONS[livenessDecision] : "CompletedResultQueryableFromService";
      const same = verifyResult?.isIdentical ? "Recognized" : "NotRecognized";
      result = {
        livenessResult: { status: LivenessStatus[status], failureReason: 0, resultId, resultDigest: digest },
        recognitionResult: {
          status: RecognitionStatus[verifyResult ? same : "NotComputed"],
          failureReason: 0,
          resultId: verifyResult ? resultId : "",
          matchConfidence: verifyResult?.matchConfidence ?? 0,
        },
      };
    } catch (error) {
      const { livenessError, recognitionError } = error;
      result = {
        livenessResult: { status: LivenessStatus.Failed, failureReason: LivenessFailureReason[livenessError], resultId: "", resultDigest: "" },
        recognitionResult: {
          status: RecognitionStatus.Failed,
          failureReason: RecognitionFailureReason[recognitionError],
          resultId: "",
          matchConfidence: 0,
        },
      };
    }
    this.dispatchEvent(Object.assign(new CustomEvent("analyzed", { detail: result }), { result }));
  }
}

/** Register under a name unless something else has it. */
function register(name, element) {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, element);
}

register("mien-face-liveness", FaceLivenessDetector);
register("azure-ai-vision-face-ui", AzureDetector);
register("azure-ai-vision-faceanalyzer", FaceAnalyzer);

export { FaceAnalyzer, FaceLivenessDetector, LivenessDetectionError, LivenessError, Reason, RecognitionError, explain, languages, version };
