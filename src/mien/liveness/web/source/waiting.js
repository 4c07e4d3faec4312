import { LivenessDetectionError, LivenessError } from "./names.js";

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The promise's value, or a rejection with `livenessError` when it takes longer than `ms`. */
export function within(promise, ms, livenessError, message) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new LivenessDetectionError(livenessError, message)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Ends everything that waits, with one error: the person's, the server's or the browser's. */
export class Stop {
  constructor() {
    this.reason = null;
    this.promise = new Promise((_resolve, reject) => {
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }

  now(error) {
    this.reason ??= error;
    this.reject(error);
  }

  /** The promise's value unless the attempt is stopped before. */
  race(promise) {
    return Promise.race([promise, this.promise]);
  }
}
