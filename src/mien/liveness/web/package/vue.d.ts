import type { DefineComponent } from "vue";
import type { LivenessDetectionError, LivenessDetectionSuccess, LivenessSettings } from "./mien-face-liveness.js";

export { languages } from "./mien-face-liveness.js";

/**
 * `authToken`: the session's; the check starts when there is one, and again when there is another.
 * Events: `result` with what `start` resolves to, `error` with what it rejects with, `problem` with every problem that
 * the person is told about, also when another attempt follows.
 */
export declare const FaceLiveness: DefineComponent<{
  authToken?: string;
  settings?: Partial<LivenessSettings>;
  onResult?: (result: LivenessDetectionSuccess) => void;
  onError?: (error: LivenessDetectionError) => void;
  onProblem?: (error: LivenessDetectionError) => void;
}>;
