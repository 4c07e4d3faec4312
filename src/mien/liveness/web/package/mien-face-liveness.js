/**
 * <mien-face-liveness>: shows that the person before the camera is there, for a session of a Mien server.
 *
 *     import "./mien-face-liveness.js";
 *     const detector = document.createElement("mien-face-liveness");
 *     document.body.append(detector);
 *     const { resultId, digest } = await detector.start(authToken);
 *
 * The element is also registered as `azure-ai-vision-face-ui`, with the same surface, and in the older shape
 * `azure-ai-vision-faceanalyzer`. One file, no dependencies, no build; nothing in it evaluates text, sets HTML or
 * writes style attributes, so that it runs under a strict content security policy and under trusted types.
 *
 * The channel that it speaks is written down in docs/liveness-protocol.md ("mien-liveness.1").
 */

export const version = "1.0.0";

const PROTOCOL = "mien-liveness.1";

// ---------------------------------------------------------------- names

const names = (...list) => Object.freeze(Object.fromEntries(list.map((name) => [name, name])));

/** Why an attempt gave no result: `livenessError` of the rejection. */
export const LivenessError = names(
  "None", "TimedOut", "InvalidToken", "CameraPermissionDenied", "CameraStartupFailure", "NoFaceDetected",
  "FaceTrackingFailed", "SmileNotPerformed", "HeadTurnNotPerformed", "ServerRequestTimedOut",
  "FaceMouthRegionNotVisible", "FaceEyeRegionNotVisible", "ExcessiveImageBlurDetected", "ExcessiveFaceBrightness",
  "FaceWithMaskDetected", "EnvironmentNotSupported", "UserCanceledSession", "UserCanceledActiveMotion",
  "UserCanceledActiveMotionPrompt", "UnexpectedClientError", "UnexpectedServerError", "ClientVersionNotSupported",
  "VerifyImageNotProvided", "Unexpected",
);

/** What hindered recognition: `recognitionError` of the rejection. */
export const RecognitionError = names(
  "None", "GenericFailure", "FaceNotFrontal", "FaceEyeRegionNotVisible", "ExcessiveFaceBrightness",
  "ExcessiveImageBlurDetected", "FaceNotFound", "MultipleFaceFound", "ContentDecodingError", "ImageSizeIsTooLarge",
  "ImageSizeIsTooSmall", "UnsupportedMediaType", "FaceMouthRegionNotVisible", "FaceWithMaskDetected",
);

/** What `start` rejects with. */
export class LivenessDetectionError extends Error {
  /**
   * @param {string} livenessError a name of `LivenessError`
   * @param {string} [message] for developers; not shown to the person
   * @param {{recognitionError?: string, attemptsLeft?: number, retryAfterSeconds?: number}} [more]
   */
  constructor(livenessError, message = "", more = {}) {
    super(message || livenessError);
    this.name = "LivenessDetectionError";
    this.livenessError = livenessError;
    this.recognitionError = more.recognitionError ?? RecognitionError.None;
    if (more.attemptsLeft !== undefined) this.attemptsLeft = more.attemptsLeft;
    if (more.retryAfterSeconds) this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

// ---------------------------------------------------------------- texts

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
};

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
};

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
};

/** The texts by language: copy and change them for `languageDictionary`. */
export const languages = Object.freeze({ en: Object.freeze(EN), pt: Object.freeze(PT), fa: Object.freeze(FA) });

const RIGHT_TO_LEFT = new Set(["ar", "arc", "dv", "fa", "ha", "he", "khw", "ks", "ku", "ps", "ur", "yi"]);

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

  get(key) {
    return this.table[key] ?? this.table.LookAtCamera;
  }
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

const PERMISSION = new Set(["NotAllowedError", "PermissionDeniedError", "SecurityError"]);

class Camera {
  static READY_MS = 15000;

  constructor(stream) {
    this.stream = stream;
    this.track = stream.getVideoTracks()[0];
  }

  /** Open a camera: the one with this device id, or the one that faces the person. */
  static async open(deviceId) {
    // Wider pictures would only show more of the room, with fewer pixels for the face once they are made smaller.
    const wanted = { width: { ideal: 960 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      return new Camera(await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...wanted, ...which } }));
    } catch (error) {
      const denied = PERMISSION.has(error?.name);
      const name = denied ? LivenessError.CameraPermissionDenied : LivenessError.CameraStartupFailure;
      throw new LivenessDetectionError(name, `${error?.name}: ${error?.message}`);
    }
  }

  /** Show the camera's picture in a video element; resolves when there is a picture. */
  async show(video) {
    const failed = (message) => new LivenessDetectionError(LivenessError.CameraStartupFailure, message);
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

  /** Call when the camera goes away while it is used. */
  onLost(callback) {
    this.track.addEventListener("ended", callback);
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
  }
}

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

  /** Call `seen(time)` for every new picture until `stop`. */
  start(seen) {
    const generation = ++this.generation;
    const { video } = this;
    if (video.requestVideoFrameCallback) {
      const next = (now, meta) => {
        if (generation !== this.generation) return;
        // The capture time where the browser knows it; never one from another clock.
        const taken = meta.captureTime;
        seen(taken > now - 1000 && taken <= now ? taken : now);
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
        seen(performance.now());
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

// ---------------------------------------------------------------- channel

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
    socket.addEventListener("close", (event) => this.onLost(lost(`the connection ended with ${event.code}`)));
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

// ---------------------------------------------------------------- colours

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
function readChallenge(message) {
  const { flashes, turns = [] } = message.challenge ?? {};
  const sound =
    Array.isArray(flashes) &&
    flashes.length > 0 &&
    flashes.every(({ color, startMs }) => /^#[0-9a-f]{6}$/i.test(color) && startMs >= 0) &&
    turns.every(({ direction, startMs, durationMs }) => direction in LOOK && startMs >= 0 && durationMs > 0);
  if (!sound) throw lost("the challenge cannot be read");
  if (flashesTooOften(flashes)) throw lost("the challenge flashes more often than is safe");
  return { attemptId: message.attemptId, durationMs: message.durationMs, flashes, turns };
}

const LOOK = { left: "LookLeft", right: "LookRight", up: "LookUp", down: "LookDown" };

/** The part of a challenge that runs at a time, or undefined. */
const current = (parts, time) => parts.findLast((part) => part.startMs <= time && time < part.startMs + part.durationMs);

// ---------------------------------------------------------------- view

const STYLE = `
:host { display: block; }
:host([hidden]) { display: none; }
dialog {
  --paper: #ffffff; --ink: #1b1b1f; --soft: #4b4b55; --line: #8a8a94; --accent: #1a56c4; --on-accent: #ffffff;
  --warn-paper: #fff3d6; --warn-ink: #3d2c00; --warn-line: #a86f00;
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
    --warn-paper: #3a2d0c; --warn-ink: #ffe9b8; --warn-line: #d9a62e;
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
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; justify-content: flex-end; }
button {
  font: inherit; font-weight: 600; min-height: 2.75rem; min-width: 7rem; padding: .4rem 1.25rem; cursor: pointer;
  border-radius: 1.5rem; border: 2px solid var(--line); background: var(--paper); color: var(--ink);
}
button.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }

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
.foot button { background: #ffffff; color: #1b1b1f; border-color: #3c3c46; }
.foot button:focus-visible { outline-color: #1b1b1f; box-shadow: 0 0 0 6px #ffffff; }
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
const ARROW = "M4 12h15M13 5l7 7l-7 7";

/** Sets styles that an application gives as CSS text, as Azure's element takes them, or as an object. */
function applyStyles(element, styles) {
  if (typeof styles === "string") element.style.cssText = styles;
  else if (styles && typeof styles === "object") Object.assign(element.style, styles);
}

/** What the person sees: a modal dialog over the whole page, in turn with advice and warning, camera, and waiting. */
class View {
  /** How long a text stands at least, so that it can be read and heard. */
  static HOLD_MS = 700;

  constructor(root, texts, settings, cancel) {
    const text = (key) => texts.get(key);
    this.texts = texts;
    this.settings = settings;
    this.root = root;
    this.focused = /** @type {HTMLElement | null} */ (document.activeElement);

    this.title = make("h2", { id: "title", tabIndex: -1, textContent: text("Title") });
    const tips = [1, 2, 3].map((number) =>
      make("li", {}, make("h3", { textContent: text(`Tip${number}Title`) }), make("p", { textContent: text(`Tip${number}`) })),
    );
    const image = settings.brightnessImagePath ? make("img", { src: settings.brightnessImagePath, alt: "" }) : drawing(SUN);
    this.advice = [
      make("ul", { className: "tips", $role: "list" }, ...tips),
      make("div", { className: "bright" }, image, make("p", { textContent: text("IncreaseBrightnessToMax") })),
    ];
    const warning = make(
      "div",
      { className: "warning", $role: "note", id: "warning" },
      make("h3", { textContent: text("FlashTitle") }),
      make("p", { textContent: text("FlashWarning") }),
    );
    this.go = make("button", { type: "button", className: "primary", textContent: text("Continue") });
    const leave = () => make("button", { type: "button", className: "cancel", textContent: text("Cancel"), onclick: cancel });
    this.intro = make(
      "div",
      { className: "intro" },
      this.title,
      ...(settings.skipInstructions ? [] : this.advice),
      warning,
      make("div", { className: "buttons" }, leave(), this.go),
    );

    // Playing inside the page and without sound is what phones let start by itself.
    this.video = make("video", { muted: true, playsInline: true, autoplay: true, $playsinline: "", "$aria-hidden": "true" });
    this.said = make("div", { className: "said", $role: "status", "$aria-live": "polite", "$aria-atomic": "true" });
    this.spinner = make("div", { className: "spinner", hidden: true });
    this.arrow = make("div", { className: "arrow", hidden: true, "$aria-hidden": "true" }, drawing(ARROW));
    this.stage = make(
      "div",
      { className: "stage", tabIndex: -1, $role: "group", "$aria-label": text("Preview") },
      make("div", { className: "oval" }, this.video),
      this.arrow,
      this.spinner,
    );
    this.fill = make("i");
    this.bar = make("div", { className: "bar", "$aria-hidden": "true" }, this.fill);
    this.capture = make(
      "div",
      { className: "capture", hidden: true },
      this.said,
      this.stage,
      make("div", { className: "foot" }, this.bar, leave()),
    );

    this.dialog = make("dialog", { lang: texts.language, dir: texts.direction, "$aria-labelledby": "title" }, this.intro, this.capture);
    // Escape; a browser may close the dialog itself when it is pressed twice.
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      cancel();
    });
    this.dialog.addEventListener("close", cancel);
    this.#customise();
  }

  #customise() {
    const { fontSize, fontFamily, buttonStyles, feedbackMessageStyles } = this.settings;
    if (fontSize) this.dialog.style.fontSize = typeof fontSize === "number" ? `${fontSize}px` : fontSize;
    if (fontFamily) this.dialog.style.fontFamily = fontFamily;
    applyStyles(this.go, buttonStyles);
    applyStyles(this.said, feedbackMessageStyles);
  }

  open() {
    this.root.append(this.dialog);
    this.dialog.showModal();
    this.title.focus();
  }

  close() {
    clearTimeout(this.timer);
    this.video.srcObject = null;
    this.dialog.close();
    this.dialog.remove();
    if (this.focused?.isConnected) this.focused.focus?.({ preventScroll: true });
  }

  /** Resolves when the person wants to go on. */
  agreed() {
    return new Promise((resolve) => this.go.addEventListener("click", resolve, { once: true }));
  }

  /** Turn to the camera's page. */
  showCapture() {
    this.intro.hidden = true;
    this.capture.hidden = false;
    this.dialog.classList.add("live");
    this.stage.focus();
  }

  /** Enlarge the picture so that a face of the wanted size fills the oval. */
  frame({ maxWidth = 0.65 } = {}) {
    const { videoWidth: width, videoHeight: height } = this.video;
    const seen = Math.min(width, height * 0.75);
    const zoom = Math.max(1, seen / (Math.min(width, height) * maxWidth * 1.15));
    this.video.style.transform = `scale(${-zoom}, ${zoom})`;
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
    this.said.textContent = this.texts.get(key);
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

// ---------------------------------------------------------------- attempt

/** One attempt from the first page to the result. */
class Attempt {
  static ACCEPT_MS = 15000;
  static FEEDBACK_MS = 2000;
  static RESULT_MS = 60000;
  /** The camera shows the last colour only a moment after the screen does. */
  static TAIL_MS = 250;
  /** Pictures that are made into JPEGs at the same time: browsers take their time when the page is busy. */
  static ENCODING = 3;

  constructor(element, settings, token) {
    this.settings = settings;
    this.token = token;
    this.stop = new Stop();
    this.phase = "intro";
    this.over = false; // nothing is to be said to the server any more
    this.waiting = new Map();
    this.view = new View(element.shadowRoot, new Texts(settings.locale, settings.languageDictionary), settings, () => this.cancel());
    this.hidden = () => document.hidden && this.cancel();
  }

  async run() {
    try {
      this.view.open();
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
      this.view.close();
    }
  }

  /** The person wants to stop, or has gone to another page. */
  cancel() {
    const turning = this.phase === "turns";
    this.stop.now(new LivenessDetectionError(turning ? LivenessError.UserCanceledActiveMotion : LivenessError.UserCanceledSession));
  }

  async #steps() {
    if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia || !globalThis.WebSocket || !crypto.subtle) {
      throw new LivenessDetectionError(LivenessError.EnvironmentNotSupported, "needs HTTPS (or localhost) and a camera API");
    }
    const claims = readToken(this.token);
    await this.stop.race(this.view.agreed());
    document.addEventListener("visibilitychange", this.hidden);
    this.view.showCapture();
    this.view.say("Starting", true);
    await this.#openCamera();
    this.view.say("Connecting", true);
    const accepted = await this.#connect(claims);
    this.view.frame(accepted.guidance);
    this.grabber = new FrameGrabber(this.view.video, accepted.frame);
    this.phase = "positioning";
    const message = await this.#position(accepted.positioning);
    const digest = new Digest(claims.sid);
    const challenge = readChallenge(message);
    await this.#answer(challenge, accepted.challenge, digest);
    this.phase = "result";
    this.view.wait();
    this.channel.send({ type: "end" });
    return this.#result(digest, challenge.attemptId);
  }

  async #openCamera() {
    this.camera = await Camera.open(this.settings.mediaInfoDeviceId);
    this.#stillWanted();
    this.camera.onLost(() => this.stop.now(new LivenessDetectionError(LivenessError.CameraStartupFailure, "the camera was taken away")));
    await this.camera.show(this.view.video);
    this.lock = await navigator.wakeLock?.request("screen").catch(() => null);
  }

  async #connect(claims) {
    const { deviceCorrelationId, userCorrelationId } = this.settings;
    const hello = { type: "hello", token: this.token, client: { name: "mien-face-liveness", version }, clientRequestId: crypto.randomUUID() };
    if (claims.dcs) hello.deviceCorrelationId = deviceCorrelationId || deviceId();
    if (claims.ucs && userCorrelationId) hello.userCorrelationId = userCorrelationId;
    this.channel = await connect(claims, hello);
    this.#stillWanted();
    this.channel.onMessage = (message) => this.#hear(message);
    this.channel.onLost = (error) => this.over || this.stop.now(error);
    return within(this.#message("accepted"), Attempt.ACCEPT_MS, LivenessError.ServerRequestTimedOut, "the server does not answer");
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
      this.stop.now(new LivenessDetectionError(name, message.message, message));
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
    this.grabber.start((taken) => {
      if (start === null) return;
      const time = taken - start;
      // A little early is in time: cameras do not keep exact intervals, and theirs is seldom a multiple of ours.
      if (time < 0 || time < due - 8 || sequence >= maxFrames) return;
      if (encoding >= Attempt.ENCODING || this.channel.full) return;
      due = Math.max(due + 1000 / fps, time);
      encoding++;
      const taking = this.grabber.jpeg();
      ready = ready.then(async () => {
        const jpeg = await taking;
        encoding--;
        if (!jpeg || this.stop.reason || bytes + jpeg.byteLength + 8 > maxTotalBytes) return;
        const message = frameMessage(time, sequence++, jpeg);
        bytes += message.byteLength;
        digest.add(message);
        this.channel.send(message);
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
function deviceId() {
  const key = "mien-face-liveness-device";
  try {
    const id = localStorage.getItem(key) ?? crypto.randomUUID();
    localStorage.setItem(key, id);
    return id;
  } catch {
    return crypto.randomUUID(); // storage is shut off
  }
}

// ---------------------------------------------------------------- elements

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
  deviceCorrelationId: undefined,
  userCorrelationId: undefined,
});

const FROM_ATTRIBUTES = new Map(
  ["locale", "mediaInfoDeviceId", "fontSize", "fontFamily", "buttonStyles", "feedbackMessageStyles", "brightnessImagePath", "skipInstructions", "deviceCorrelationId", "userCorrelationId"].map(
    (name) => [name.toLowerCase(), name],
  ),
);

/** Frameworks that draw pages on a server import the module there, where there are no elements. */
const Element = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

/** The custom element. All properties are read when `start` is called. */
export class FaceLivenessDetector extends Element {
  static observedAttributes = [...FROM_ATTRIBUTES.keys()];

  #settings = { ...DEFAULTS };
  #attempt = null;

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
    this[name] = name === "skipInstructions" ? value !== null && value !== "false" : (value ?? DEFAULTS[name]);
  }

  disconnectedCallback() {
    this.#attempt?.cancel();
  }

  /**
   * Run one attempt of a session.
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
    if (this.#attempt) throw new LivenessDetectionError(LivenessError.UnexpectedClientError, "an attempt is running");
    if (!this.isConnected) throw new LivenessDetectionError(LivenessError.UnexpectedClientError, "put the element into the page first");
    const attempt = new Attempt(this, { ...this.#settings }, sessionAuthorizationToken);
    this.#attempt = attempt;
    try {
      return await attempt.run();
    } finally {
      this.#attempt = null;
    }
  }

  /** The video cameras among devices of `navigator.mediaDevices.enumerateDevices()`. */
  filterToSupportedMediaInfoDevices(devices) {
    return devices.filter((device) => device.kind === "videoinput");
  }
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
export class FaceAnalyzer extends FaceLivenessDetector {
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
// A class has one name only.
register("azure-ai-vision-face-ui", class extends FaceLivenessDetector {});
register("azure-ai-vision-faceanalyzer", FaceAnalyzer);
