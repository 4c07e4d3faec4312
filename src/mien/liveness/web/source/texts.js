import { Reason, RecognitionError } from "./names.js";
import { AR } from "./texts/ar.js";
import { DE } from "./texts/de.js";
import { EN } from "./texts/en.js";
import { ES } from "./texts/es.js";
import { FA } from "./texts/fa.js";
import { FR } from "./texts/fr.js";
import { PT } from "./texts/pt.js";
import { ZH } from "./texts/zh.js";

/** The texts by language: copy and change them for `languageDictionary`. */
export const languages = Object.freeze({
  ar: Object.freeze(AR),
  de: Object.freeze(DE),
  en: Object.freeze(EN),
  es: Object.freeze(ES),
  fa: Object.freeze(FA),
  fr: Object.freeze(FR),
  pt: Object.freeze(PT),
  zh: Object.freeze(ZH),
});

const RIGHT_TO_LEFT = new Set(["ar", "arc", "dv", "fa", "ha", "he", "khw", "ks", "ku", "ps", "ur", "yi"]);

/** What names the cause better than `livenessError`, which covers several. */
const FINER = new Set([
  RecognitionError.MultipleFaceFound, RecognitionError.FaceNotFrontal, RecognitionError.ImageSizeIsTooSmall,
  ...Object.keys(Reason),
]);

/** Errors that have the text of another one. */
const SAME = { UserCanceledActiveMotion: "UserCanceledSession", UserCanceledActiveMotionPrompt: "UserCanceledSession" };

/** Texts of a locale (BCP 47), with some of one's own; keys that nobody translated are English. */
export class Texts {
  constructor(locale, own) {
    const language = String(locale || "en").toLowerCase().split(/[-_]/)[0];
    const known = languages[language];
    const given = own && typeof own === "object" ? own : {};
    this.table = { ...EN, ...known, ...given };
    // Own texts may be in a language that this file does not have.
    this.language = known || Object.keys(given).length ? String(locale || "en").replace("_", "-") : "en";
    this.direction = RIGHT_TO_LEFT.has(language) && this.language !== "en" ? "rtl" : "ltr";
  }

  /** Advice by its key; an unknown key, of a newer server, becomes advice that is never wrong. */
  get(key) {
    return this.table[key] ?? this.table.LookAtCamera;
  }

  /** A text with `{name}` replaced. */
  fill(key, values) {
    return this.get(key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  /**
   * An error in words for the person: never a name of the protocol.
   *
   * @param {{livenessError: string, recognitionError?: string, reason?: string}} error
   * @returns {{title: string, advice: string}}
   */
  explain({ livenessError, recognitionError, reason }, values = { fps: 15 }) {
    const finer = [reason, recognitionError].find((name) => FINER.has(name));
    const name = SAME[livenessError] ?? livenessError;
    const key = [finer, name].find((key) => key && `${key}Advice` in this.table) ?? "Unexpected";
    const platform = `${key}Advice${device()}`;
    return { title: this.get(key), advice: this.fill(platform in this.table ? platform : `${key}Advice`, values) };
  }
}

/** The kind of device whose settings are described, or "". */
function device() {
  const agent = globalThis.navigator?.userAgent ?? "";
  if (/Android/.test(agent)) return "Android";
  // An iPad calls itself a Mac, but no Mac has a touch screen.
  return /iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1) ? "Ios" : "";
}

/**
 * A rejection of `start` in words for the person, for an application that shows it itself.
 *
 * @param {{livenessError: string, recognitionError?: string, reason?: string}} error
 * @param {string} [locale] BCP 47
 * @param {Record<string, string>} [languageDictionary] own texts by key
 * @returns {{title: string, advice: string}}
 */
export function explain(error, locale = "en", languageDictionary = undefined) {
  return new Texts(locale, languageDictionary).explain(error);
}
