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

export declare const LivenessError: Readonly<{ [Name in LivenessErrorName]: Name }>;
export declare const RecognitionError: Readonly<{ [Name in RecognitionErrorName]: Name }>;

/** What `start` rejects with. */
export declare class LivenessDetectionError extends Error {
  readonly livenessError: LivenessErrorName;
  readonly recognitionError: RecognitionErrorName;
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
  | "Preview";

export type LanguageDictionary = Partial<Record<TextKey, string>>;
export type Styles = string | Partial<CSSStyleDeclaration>;

export declare const languages: Readonly<Record<"en" | "pt" | "fa", Readonly<Record<TextKey, string>>>>;

/** `<mien-face-liveness>` and `<azure-ai-vision-face-ui>`. Properties are read when `start` is called. */
export declare class FaceLivenessDetector extends HTMLElement {
  /** BCP 47; `en`, `pt` and `fa` are there, others take `languageDictionary`. Default: `en`. */
  locale: string;
  /** Own texts by key; what is missing is in the locale's language, else English. */
  languageDictionary?: LanguageDictionary;
  /** Which camera, by `MediaDeviceInfo.deviceId`; default: the one that faces the person. */
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
  /** For sessions made with `deviceCorrelationIdSetInClient`; default: an id kept in this browser. */
  deviceCorrelationId?: string;
  /** For sessions made with `userCorrelationIdSetInClient`. */
  userCorrelationId?: string;
  /** The former name of `buttonStyles`. */
  continueButtonStyles?: Styles;
  /** Run one attempt of the session whose `authToken` this is. Rejects with a `LivenessDetectionError`. */
  start(sessionAuthorizationToken: string): Promise<LivenessDetectionSuccess>;
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
