// The loop of a liveness session. What `call` asks is what an application's own server would do, with its key;
// everything else is what its page does.
import { explain } from "../web/v1/mien-face-liveness.js";

const find = (selector) => document.querySelector(selector);
const dev = document.body.dataset.dev === "true";
const form = find("#form");
const detector = find("mien-face-liveness");

/** What a decision means: heading and explanation. */
const DECISIONS = {
  realface: ["A real face", "The evidence says that the person was there."],
  spoofface: ["An attack", "The evidence says that a photo, a screen, a replay or the like was shown."],
  uncertain: [
    "Not certain",
    "The evidence is too thin for either. Try again in even, not too bright light; the passive–active mode tells more.",
  ],
};

if (document.body.dataset.passive === "false") {
  form.querySelector("input[value=Passive]").disabled = true;
  find("#lacks").hidden = false;
}
find(dev ? "#create" : "#paste").hidden = false;

async function call(path, options) {
  const response = await fetch(new URL(path, import.meta.url), options);
  const answer = await response.json();
  if (response.ok) return answer;
  const told = (answer.session ?? answer.image ?? answer).error;
  throw new Error(told ? `${told.code}: ${told.message}` : `HTTP ${response.status}`);
}

const say = (text) => {
  find("#state").textContent = text;
};

const show = (name, value) => {
  find(`#${name}`).textContent = value === undefined ? "" : JSON.stringify(value, null, 2);
  find(`#${name}`).closest("details").hidden = value === undefined;
};

/** Show the outcome in words; `name` is what the protocol calls it. */
function conclude(name, [title, meaning], { client, session, audit }) {
  find("#decision").dataset.name = name;
  find("#decision").textContent = title;
  find("#meaning").textContent = meaning;
  show("client", client);
  show("session", session);
  show("audit", audit);
  find("#outcome").hidden = false;
  find("#decision").focus();
}

async function showImage(id) {
  if (!id) return;
  const { jpeg } = await call(`image?id=${encodeURIComponent(id)}`);
  const bytes = Uint8Array.from(atob(jpeg), (letter) => letter.charCodeAt(0));
  const image = find("#picture img");
  image.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  find("#picture").hidden = false;
}

async function run() {
  const fields = new FormData(form);
  const photo = fields.get("photo");
  const verify = dev && photo?.size > 0;
  let token = String(fields.get("token") ?? "").trim();
  let id;
  if (dev) {
    say("Creating a session…");
    const body = verify ? photo : undefined;
    const { session } = await call(`session?mode=${fields.get("mode")}`, { method: "POST", body });
    [token, id] = [session.authToken, session.sessionId];
  }
  say("");
  detector.locale = fields.get("locale");
  let client;
  let words = ["No result", "The server has no decision."];
  try {
    client = await detector.start(token);
  } catch (error) {
    const { livenessError, recognitionError, reason, message, attemptsLeft } = error;
    client = { livenessError, recognitionError, reason, attemptsLeft };
    if (message !== livenessError) client.message = message;
    const { title, advice } = explain(error);
    words = [title, advice];
  }
  if (!dev) {
    const done = ["Done", "Your server can ask for the session's result now."];
    conclude(client.livenessError ?? "Done", client.resultId ? done : words, { client });
    return;
  }
  say("Asking for the result…");
  const { session, audit } = await call(`session?id=${id}&verify=${verify}`);
  const body = session.result?.response?.body;
  const decision = body?.livenessDecision;
  if (client.resultId && decision) {
    const compared = body.verifyResult;
    const same = compared ? ` ${compared.isIdentical ? "The same person as" : "Not the person"} in the photo (${compared.matchConfidence}).` : "";
    const digest = session.result.digest === client.digest ? "" : " But the digests differ: do not trust it!";
    const [title, meaning] = DECISIONS[decision];
    conclude(decision, [title, meaning + same + digest], { client, session, audit });
  } else {
    conclude(client.livenessError ?? "None", words, { client, session, audit });
  }
  await showImage(session.result?.sessionImageId);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  find("#outcome").hidden = true;
  find("#picture").hidden = true;
  find("#start").disabled = true;
  try {
    await run();
    say("");
  } catch (error) {
    say(`That did not work. ${error.message}`);
  } finally {
    find("#start").disabled = false;
  }
});
