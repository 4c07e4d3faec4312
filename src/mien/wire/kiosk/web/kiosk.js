// A check-in: notice, choice, face or code, answer. The server decides; this page only shows what it says.
import "../liveness/web/v1/mien-face-liveness.js";
import { RIGHT_TO_LEFT, texts } from "./texts.js";

const ANSWER_MS = 12_000;
const IDLE_MS = 90_000;
const KEPT = "mien-kiosk-key";
const find = (selector) => document.querySelector(selector);
const detector = find("mien-face-liveness");
const language = find("#language");
detector.skipOutcome = true; // the page says what came of it

/** A refusal of the server: the connection works. */
class Refused extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

// The key is in the fragment, which browsers do not send. It is kept for a reload and taken out of the address bar.
const given = location.hash.slice(1);
if (given) {
  localStorage.setItem(KEPT, given);
  history.replaceState(null, "", location.pathname);
}
const key = localStorage.getItem(KEPT) ?? "";

let kiosk;
let acceptance;
let idle;
let stream;
/** Whether the server was asked to check somebody in, and has not answered. */
let asked = false;
/** Counts visits: what an earlier one still waits for is dropped. */
let visit = 0;

const words = () => texts[language.value];

/** The language of the browser, in which every visit begins. */
const usual = navigator.languages.map((one) => one.split("-")[0]).find((one) => one in texts) ?? "en";

async function call(path, body, query = "") {
  const json = !(body instanceof Blob);
  const response = await fetch(new URL(path + query, import.meta.url), {
    method: "POST",
    headers: { "Mien-Kiosk-Key": key, "Content-Type": json ? "application/json" : body.type },
    body: json ? JSON.stringify(body) : body,
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.error?.code ?? "");
  return answer;
}

/** Begin another visit: what still runs of the one before is canceled, and asks the server for nothing more. */
function begin() {
  visit += 1;
  detector.cancel();
  return visit;
}

function stopCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  for (const video of document.querySelectorAll("video")) video.srcObject = null;
}

function show(id) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
  find(`#${id} h2`).focus();
  clearTimeout(idle);
  if (id === "choice" || id === "codes" || id === "photo") idle = setTimeout(next, IDLE_MS);
  if (id === "answer") idle = setTimeout(next, ANSWER_MS);
}

/** Be ready for the next visitor, who need not read the language of the last one. */
function next() {
  language.value = usual;
  return restart();
}

function say(outcome, text) {
  stopCamera();
  find("#answer").dataset.outcome = outcome;
  find("#words").textContent = text;
  show("answer");
}

function translate() {
  document.documentElement.lang = language.value;
  document.documentElement.dir = RIGHT_TO_LEFT.has(language.value) ? "rtl" : "ltr";
  find("#language-label").textContent = words().language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = words()[element.dataset.text];
  detector.locale = language.value;
}

function answered({ outcome, name }) {
  if (outcome === "face") {
    show("choice");
    find("#choice h2").textContent = words().toFace;
  } else if (outcome === "welcome") {
    const greeting = kiosk.greeting || words().welcome;
    say("welcome", greeting.replaceAll("{name}", () => name).replace(/[\s,،，]+$/u, ""));
  } else {
    unable();
  }
}

/** Say that there is no connection, and that nothing was opened unless the server was just asked to check somebody in. */
function disconnected() {
  const { offline, shut, turn } = words();
  say("offline", [offline, ...(asked ? [] : [shut]), turn].join(" "));
}

/** Say that people must see reception. */
const unable = () => say("reception", kiosk.reception || words().reception);

function failed(error) {
  if (error instanceof Refused) say("reception", kiosk?.reception || words()[kiosk ? "reception" : "closed"]);
  else disconnected();
}

async function attempt(work) {
  const mine = begin();
  try {
    show("waiting");
    const answer = await work(mine);
    if (mine !== visit) return;
    if (answer === null) await restart();
    else answered(answer);
  } catch (error) {
    if (mine === visit) failed(error);
  }
}

/** Ask the server to check somebody in. */
async function checkIn(path, body, query) {
  asked = true;
  const answer = await call(path, body, query).catch((error) => {
    if (error instanceof Refused) asked = false;
    throw error;
  });
  asked = false;
  return answer;
}

async function restart() {
  const mine = begin();
  acceptance = undefined;
  stopCamera();
  find("#code").value = "";
  try {
    const read = await call("notice", {});
    if (mine !== visit) return;
    asked = false;
    kiosk = read;
    document.title = find("#name").textContent = kiosk.name;
    find("#notice").textContent = kiosk.notice;
    translate();
    show("consent");
  } catch (error) {
    if (mine !== visit) return;
    kiosk = error instanceof Refused ? undefined : kiosk;
    failed(error);
  }
}

async function withFace() {
  if (!kiosk.liveness) {
    const mine = visit;
    show("photo");
    let opened;
    try {
      opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
    } catch {
      if (mine === visit) unable(); // no camera, or the browser does not allow it
      return;
    }
    if (mine !== visit || find("#photo").hidden) {
      for (const track of opened.getTracks()) track.stop();
      return;
    }
    stream = opened;
    find("#camera").srcObject = opened;
    await find("#camera").play();
    return;
  }
  await attempt(async (mine) => {
    const { session, token } = await call("sessions", { acceptance });
    if (mine !== visit) return null;
    try {
      await detector.start(token);
    } catch (error) {
      if (error.livenessError === "UserCanceledSession") return null;
      // The server has the last word, also on attempts that failed.
    }
    if (mine !== visit) return null; // the page has said that nothing was opened
    return await checkIn("faces", { acceptance, session });
  });
}

async function shoot() {
  const video = find("#camera");
  if (!video.videoWidth) return;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  stopCamera();
  await attempt(() => checkIn("photos", blob, `?acceptance=${acceptance}`));
}

const withCode = (code) => {
  stopCamera();
  return attempt(() => checkIn("codes", { acceptance, code }));
};

/** Read QR codes where the browser can; elsewhere the code is typed. */
async function scan() {
  const video = find("#scanner");
  video.hidden = true;
  show("codes");
  if (!("BarcodeDetector" in window)) return;
  const mine = visit;
  try {
    const formats = await BarcodeDetector.getSupportedFormats();
    if (!formats.includes("qr_code")) return;
    const reader = new BarcodeDetector({ formats: ["qr_code"] });
    const opened = await navigator.mediaDevices.getUserMedia({ video: true });
    if (mine !== visit || find("#codes").hidden) {
      for (const track of opened.getTracks()) track.stop();
      return;
    }
    stream = opened;
    video.srcObject = opened;
    video.hidden = false;
    await video.play();
    while (mine === visit && stream === opened) {
      const [found] = await reader.detect(video);
      if (found?.rawValue && mine === visit && stream === opened) {
        await withCode(found.rawValue.slice(0, 200));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } catch {
    video.hidden = true; // no camera: the field is there
  }
}

find("#accept").addEventListener("click", async () => {
  const mine = begin();
  try {
    const made = await call("acceptances", { version: kiosk.version, language: language.value });
    if (mine !== visit) return;
    acceptance = made.acceptance;
    translate();
    show("choice");
  } catch (error) {
    if (mine === visit) failed(error);
  }
});
find("#decline").addEventListener("click", () => {
  begin();
  unable();
});
find("#face").addEventListener("click", () => withFace().catch(failed));
find("#shoot").addEventListener("click", () => shoot().catch(failed));
find("#other").addEventListener("click", () => scan());
find("#form").addEventListener("submit", (event) => {
  event.preventDefault();
  withCode(find("#code").value.trim());
});
for (const button of document.querySelectorAll(".cancel")) {
  button.addEventListener("click", button.closest("#answer") ? next : restart);
}
language.addEventListener("change", () => {
  translate();
  if (find("#consent").hidden) return;
  clearTimeout(idle);
  idle = setTimeout(next, IDLE_MS); // somebody may have chosen it and left
});
window.addEventListener("offline", () => {
  if (!find("#answer").hidden && find("#answer").dataset.outcome === "welcome") return; // restarting tells
  begin();
  disconnected();
});
window.addEventListener("online", restart);

language.value = usual;
translate();
restart();
