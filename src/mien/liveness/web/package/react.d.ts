import type { ReactElement } from "react";
import type { LivenessDetectionError, LivenessDetectionSuccess, LivenessSettings } from "./mien-face-liveness.js";

export { languages } from "./mien-face-liveness.js";

export interface FaceLivenessProps extends Partial<LivenessSettings> {
  /** The session's `authToken`. The check starts when there is one, and again when there is another. */
  authToken?: string;
  /** Called with what `start` resolves to. */
  onResult?: (result: LivenessDetectionSuccess) => void;
  /** Called with what `start` rejects with; not when the component is taken away. */
  onError?: (error: LivenessDetectionError) => void;
  /** Called with every problem that the person is told about, also when another attempt follows. */
  onProblem?: (error: LivenessDetectionError) => void;
}

export declare function FaceLiveness(props: FaceLivenessProps): ReactElement;
