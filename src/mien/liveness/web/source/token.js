import { LivenessDetectionError, LivenessError } from "./names.js";

/** The payload of a session's token. The server checks the signature; here it only says where to connect. */
export function readToken(token) {
  try {
    const part = String(token).trim().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    const channel = new URL(claims.route, claims.endpoint);
    if (typeof claims.sid !== "string" || !/^https?:$/.test(channel.protocol)) throw new TypeError("claims");
    return claims;
  } catch {
    throw new LivenessDetectionError(LivenessError.InvalidToken, "start() takes the authToken of a liveness session");
  }
}
