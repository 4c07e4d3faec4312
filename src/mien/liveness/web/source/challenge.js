import { lost } from "./channel.js";

/** WCAG 2.3.1 allows three general flashes, pairs of opposing changes, in any second. */
const CHANGES_PER_SECOND = 6;

/** Relative luminance in [0, 1] of "#RRGGBB". */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Whether red dominates so much that changes to and from it count whatever their luminance (WCAG 2.3.1). */
function saturatedRed(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return red > 0 && red / (red + green + blue) >= 0.8;
}

/** Whether colours change more often than is safe: the server never asks for that, and we would not show it. */
function flashesTooOften(flashes) {
  const changes = [];
  for (let at = 1; at < flashes.length; at++) {
    const [before, after] = [flashes[at - 1].color, flashes[at].color];
    const brighter = Math.abs(luminance(before) - luminance(after)) >= 0.1;
    if (brighter || saturatedRed(before) !== saturatedRed(after)) changes.push(flashes[at].startMs);
  }
  return changes.some((time, at) => changes[at + CHANGES_PER_SECOND] - time < 1000);
}

/** The challenge as the server sent it, or an error when this client cannot or will not show it. */
export function readChallenge(message, withoutFlashes = false) {
  const { flashes, turns = [] } = message.challenge ?? {};
  const sound =
    Array.isArray(flashes) &&
    flashes.length > 0 &&
    flashes.every(({ color, startMs }) => /^#[0-9a-f]{6}$/i.test(color) && startMs >= 0) &&
    turns.every(({ direction, startMs, durationMs }) => direction in LOOK && startMs >= 0 && durationMs > 0);
  if (!sound) throw lost("the challenge cannot be read");
  if (flashesTooOften(flashes)) throw lost("the challenge flashes more often than is safe");
  if (withoutFlashes && new Set(flashes.map(({ color }) => color)).size > 1) throw lost("the challenge flashes, though none were agreed");
  return { attemptId: message.attemptId, durationMs: message.durationMs, flashes, turns };
}

export const LOOK = { left: "LookLeft", right: "LookRight", up: "LookUp", down: "LookDown" };

/** The part of a challenge that runs at a time, or undefined. */
export const current = (parts, time) => parts.findLast((part) => part.startMs <= time && time < part.startMs + part.durationMs);
