export declare const version: string;

export type LivenessErrorName =
  | "None"
  | "TimedOut"
  | "InvalidToken"
  | "CameraPermissionDenied"
  | "CameraStartupFailure"
  | "NoFaceDetected"
  | "FaceTrackingFailed"
  | "SmileNotPerformed"
  | "HeadTurnNotPerformed"
  | "ServerRequestTimedOut"
  | "FaceMouthRegionNotVisible"
  | "FaceEyeRegionNotVisible"
  | "ExcessiveImageBlurDetected"
  | "ExcessiveFaceBrightness"
  | "FaceWithMaskDetected"
  | "EnvironmentNotSupported"
  | "UserCanceledSession"
  | "UserCanceledActiveMotion"
  | "UserCanceledActiveMotionPrompt"
  | "UnexpectedClientError"
  | "UnexpectedServerError"
  | "ClientVersionNotSupported"
  | "VerifyImageNotProvided"
  | "Unexpected";

export type RecognitionErrorName =
  | "None"
  | "GenericFailure"
  | "FaceNotFrontal"
  | "FaceEyeRegionNotVisible"
  | "ExcessiveFaceBrightness"
  | "ExcessiveImageBlurDetected"
  | "FaceNotFound"
  | "MultipleFaceFound"
  | "ContentDecodingError"
  | "ImageSizeIsTooLarge"
  | "ImageSizeIsTooSmall"
  | "UnsupportedMediaType"
  | "FaceMouthRegionNotVisible"
  | "FaceWithMaskDetected";

/** What the component itself found, in more detail than `livenessError` tells. */
export type ReasonName =
  | "CameraForbidden"
  | "CameraMissing"
  | "CameraInUse"
  | "CameraVirtual"
  | "CameraSlow"
  | "SceneDark"
  | "SceneBright"
  | "ConnectionLost";

export declare const Reason: Readonly<{ [Name in ReasonName]: Name }>;
export declare const LivenessError: Readonly<{ [Name in LivenessErrorName]: Name }>;
export declare const RecognitionError: Readonly<{ [Name in RecognitionErrorName]: Name }>;

/** What `start` rejects with. */
export declare class LivenessDetectionError extends Error {
  readonly livenessError: LivenessErrorName;
  readonly recognitionError: RecognitionErrorName;
  /** The cause in more detail, where the component found it itself. */
  readonly reason?: ReasonName;
  /** How often the session can still be tried; absent when the server did not say. */
  readonly attemptsLeft?: number;
  /** How long to wait before the next attempt. */
  readonly retryAfterSeconds?: number;
}

/** What `start` resolves to. Hand it to your server, which asks the Face API and compares the digest. */
export interface LivenessDetectionSuccess {
  resultId: string;
  digest: string;
  /** Only for sessions made with `sendResultsToClient`; never trust a browser with it. */
  livenessDecision?: "realface" | "spoofface" | "uncertain";
  /** Only for sessions made with `sendResultsToClient` and an image to compare with. */
  verifyResult?: { matchConfidence: number; isIdentical: boolean };
}

/** Keys of the texts that a person sees. */
export type TextKey =
  | "None"
  | "LookAtCamera"
  | "FaceNotCentered"
  | "MoveCloser"
  | "ContinueToMoveCloser"
  | "MoveBack"
  | "TooMuchMovement"
  | "AttentionNotNeeded"
  | "Smile"
  | "LookInFront"
  | "LookUp"
  | "LookUpRight"
  | "LookUpLeft"
  | "LookRight"
  | "LookLeft"
  | "LookDown"
  | "LookDownRight"
  | "LookDownLeft"
  | "TimedOut"
  | "EnvironmentNotSupported"
  | "FaceTrackingFailed"
  | "IncreaseBrightnessToMax"
  | "Tip1Title"
  | "Tip1"
  | "Tip2Title"
  | "Tip2"
  | "Tip3Title"
  | "Tip3"
  | "Continue"
  | "Title"
  | "FlashTitle"
  | "FlashWarning"
  | "Cancel"
  | "Starting"
  | "Connecting"
  | "Checking"
  | "TooBright"
  | "MultipleFaces"
  | "Preview"
  | "WithoutFlashes"
  | "WithoutFlashesNote"
  | "Camera"
  | "TryAgain"
  | "ContinueAnyway"
  | "Close"
  | "AttemptsLeft"
  | "WaitSeconds"
  | "Done"
  | "DoneAdvice"
  | "Confirmed"
  | "ConfirmedAdvice"
  | "NotConfirmed"
  | "NotConfirmedAdvice"
  | "FaceTrackingFailedAdvice"
  | "TimedOutAdvice"
  | "EnvironmentNotSupportedAdvice"
  | "NoFaceDetected"
  | "NoFaceDetectedAdvice"
  | "HeadTurnNotPerformed"
  | "HeadTurnNotPerformedAdvice"
  | "FaceEyeRegionNotVisible"
  | "FaceEyeRegionNotVisibleAdvice"
  | "FaceMouthRegionNotVisible"
  | "FaceMouthRegionNotVisibleAdvice"
  | "FaceWithMaskDetected"
  | "FaceWithMaskDetectedAdvice"
  | "ExcessiveImageBlurDetected"
  | "ExcessiveImageBlurDetectedAdvice"
  | "ExcessiveFaceBrightness"
  | "ExcessiveFaceBrightnessAdvice"
  | "MultipleFaceFound"
  | "MultipleFaceFoundAdvice"
  | "FaceNotFrontal"
  | "FaceNotFrontalAdvice"
  | "ImageSizeIsTooSmall"
  | "ImageSizeIsTooSmallAdvice"
  | "InvalidToken"
  | "InvalidTokenAdvice"
  | "ServerRequestTimedOut"
  | "ServerRequestTimedOutAdvice"
  | "ConnectionLost"
  | "ConnectionLostAdvice"
  | "UnexpectedServerError"
  | "UnexpectedServerErrorAdvice"
  | "Unexpected"
  | "UnexpectedAdvice"
  | "UserCanceledSession"
  | "UserCanceledSessionAdvice"
  | "CameraPermissionDenied"
  | "CameraPermissionDeniedAdvice"
  | "CameraPermissionDeniedAdviceAndroid"
  | "CameraPermissionDeniedAdviceIos"
  | "CameraForbidden"
  | "CameraForbiddenAdvice"
  | "CameraStartupFailure"
  | "CameraStartupFailureAdvice"
  | "CameraMissing"
  | "CameraMissingAdvice"
  | "CameraInUse"
  | "CameraInUseAdvice"
  | "CameraVirtual"
  | "CameraVirtualAdvice"
  | "CameraSlow"
  | "CameraSlowAdvice"
  | "SceneDark"
  | "SceneDarkAdvice"
  | "SceneBright"
  | "SceneBrightAdvice";

export type LanguageDictionary = Partial<Record<TextKey, string>>;
export type Styles = string | Partial<CSSStyleDeclaration>;

export declare const languages: Readonly<Record<"ar" | "de" | "en" | "es" | "fa" | "fr" | "pt" | "zh", Readonly<Record<TextKey, string>>>>;

/** A rejection of `start` in words for the person: for applications that set `skipOutcome`. */
export declare function explain(
  error: Pick<LivenessDetectionError, "livenessError"> & Partial<LivenessDetectionError>,
  locale?: string,
  languageDictionary?: LanguageDictionary,
): { title: string; advice: string };

/** Properties of the elements. They are read when `start` is called. */
export interface LivenessSettings {
  /** BCP 47; other languages than those of `languages` take `languageDictionary`. Default: `en`. */
  locale: string;
  /** Own texts by key; what is missing is in the locale's language, else English. */
  languageDictionary?: LanguageDictionary;
  /** Which camera, by `MediaDeviceInfo.deviceId`; default: the one chosen last, else the one that faces the person. */
  mediaInfoDeviceId?: string;
  /** CSS length, or a number of pixels. */
  fontSize?: string | number;
  /** CSS font family. */
  fontFamily?: string;
  /** Of the button that goes on: CSS text, or an object of styles. */
  buttonStyles?: Styles;
  /** Of what the person is told: CSS text, or an object of styles. */
  feedbackMessageStyles?: Styles;
  /** Address of a picture beside the advice about brightness. */
  brightnessImagePath?: string;
  /** Leave out the advice. The warning about flashing colours stays. */
  skipInstructions: boolean;
  /** Leave out the pages about problems and outcomes: `start` settles at once, after one attempt. */
  skipOutcome: boolean;
  /** Never flash colours: ask for turns of the head instead. Needs a server that allows it. */
  withoutFlashes: boolean;
  /** Pictures a second below which the person is told that the camera is slow. Default: 15; 0 for never. */
  minimumFrameRate: number;
  /** For sessions made with `deviceCorrelationIdSetInClient`; default: an id kept in this browser. */
  deviceCorrelationId?: string;
  /** For sessions made with `userCorrelationIdSetInClient`. */
  userCorrelationId?: string;
}

export declare interface FaceLivenessDetector extends LivenessSettings {}

/** `<mien-face-liveness>` and `<azure-ai-vision-face-ui>`, whose `skipOutcome` is true by default. */
export declare class FaceLivenessDetector extends HTMLElement {
  /** The former name of `buttonStyles`. */
  continueButtonStyles?: Styles;
  /**
   * Run the session whose `authToken` this is: attempts until one gives a result, or the person stops.
   * Rejects with a `LivenessDetectionError`. Events meanwhile: `problem` with a `LivenessDetectionError` as its
   * `detail`, whenever the person is told about one; `camerachange` with `{ deviceId }`.
   */
  start(sessionAuthorizationToken: string): Promise<LivenessDetectionSuccess>;
  /** Stop what `start` began. */
  cancel(): void;
  /** The cameras among devices. */
  filterToSupportedMediaInfoDevices(devices: MediaDeviceInfo[]): MediaDeviceInfo[];
}

/** What the older element tells with its `analyzed` event, as `event.result` and `event.detail`. */
export interface FaceAnalyzedResult {
  livenessResult: { status: number; failureReason: number; resultId: string; resultDigest: string };
  recognitionResult: { status: number; failureReason: number; resultId: string; matchConfidence: number };
}

/** `<azure-ai-vision-faceanalyzer>`: starts when it is put into a page with a token. */
export declare class FaceAnalyzer extends FaceLivenessDetector {
  token: string;
  readonly LivenessStatus: Readonly<Record<string | number, string | number>>;
  readonly LivenessFailureReason: Readonly<Record<string | number, string | number>>;
  readonly RecognitionStatus: Readonly<Record<string | number, string | number>>;
  readonly RecognitionFailureReason: Readonly<Record<string | number, string | number>>;
  analyzeOnceAgain(): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "mien-face-liveness": FaceLivenessDetector;
    "azure-ai-vision-face-ui": FaceLivenessDetector;
    "azure-ai-vision-faceanalyzer": FaceAnalyzer;
  }
}
