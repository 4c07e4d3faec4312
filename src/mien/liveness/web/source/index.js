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

import { FaceAnalyzer, FaceLivenessDetector } from "./elements.js";
import { LivenessDetectionError, LivenessError, Reason, RecognitionError, version } from "./names.js";
import { explain, languages } from "./texts.js";

export { FaceAnalyzer, FaceLivenessDetector, LivenessDetectionError, LivenessError, Reason, RecognitionError, explain, languages, version };
