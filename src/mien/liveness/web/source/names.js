export const version = "1.1.0";

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
export const Reason = names(
  "CameraForbidden", "CameraMissing", "CameraInUse", "CameraVirtual", "CameraSlow", "SceneDark", "SceneBright", "ConnectionLost",
);

/** The rejection of somebody who stops. */
export const canceled = () => new LivenessDetectionError(LivenessError.UserCanceledSession);
