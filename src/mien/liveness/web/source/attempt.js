import { Camera, isVirtual } from "./camera.js";
import { LOOK, current, readChallenge } from "./challenge.js";
import { Digest, POSITIONING_BIT, connect, frameMessage, lost } from "./channel.js";
import { FrameGrabber } from "./frames.js";
import { LivenessDetectionError, LivenessError, Reason } from "./names.js";
import { CaptureReport, aboutCamera, aboutClient } from "./report.js";
import { Stop, sleep, within } from "./waiting.js";

/** The person wants another camera: the attempt, which has not begun to count, starts over with it. */
export class CameraChosen extends LivenessDetectionError {
  constructor(deviceId) {
    super(LivenessError.UserCanceledSession, "another camera was chosen");
    this.deviceId = deviceId;
  }
}

/** One attempt, from the camera to the result. */
export class Attempt {
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
