import { Check } from "./check.js";
import { LivenessDetectionError, LivenessError, RecognitionError } from "./names.js";
import { styleSheet } from "./style.js";

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
export class FaceLivenessDetector extends Element {
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
export class FaceAnalyzer extends AzureDetector {
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
