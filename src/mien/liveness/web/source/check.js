import { Attempt, CameraChosen } from "./attempt.js";
import { Camera, isVirtual } from "./camera.js";
import { canceled, LivenessDetectionError, LivenessError, Reason } from "./names.js";
import { Texts } from "./texts.js";
import { readToken } from "./token.js";
import { View } from "./view.js";

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
export class Check {
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
