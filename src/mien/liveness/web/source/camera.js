import { LivenessDetectionError, LivenessError, Reason } from "./names.js";
import { sleep, within } from "./waiting.js";

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
export const isVirtual = (label) => VIRTUAL.some((part) => label.toLowerCase().includes(part));

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

export class Camera {
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
