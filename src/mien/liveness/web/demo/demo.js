// The loop of a liveness session. What `call` asks is what an application's own server would do, with its key;
// everything else is what its page does.
import "/liveness/web/v1/mien-face-liveness.js";

const find = (selector) => document.querySelector(selector);
const dev = document.body.dataset.dev === "true";
const form = find("#form");
const detector = find("mien-face-liveness");

const MEANINGS = {
  realface: "A real face: the evidence says that the person was there.",
  spoofface: "An attack: a photo, a screen, a replay or the like.",
  uncertain: "The evidence is too thin for either. Try again in even, not too bright light; the passive–active mode tells more.",
};

find(dev ? "#create" : "#paste").hidden = false;

async function call(path, options) {
  const response = await fetch(`/liveness/demo/${path}`, options);
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

function conclude(title, meaning, { client, session, audit }) {
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
  try {
    client = await detector.start(token);
  } catch (error) {
    const { livenessError, recognitionError, message, attemptsLeft } = error;
    client = { livenessError, recognitionError, attemptsLeft };
    if (message !== livenessError) client.message = message;
  }
  if (!dev) {
    const text = client.resultId ? "Your server can ask for the session's result now." : (client.message ?? "");
    conclude(client.livenessError ?? "Done", text, { client });
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
    conclude(decision, MEANINGS[decision] + same + digest, { client, session, audit });
    await showImage(session.result.sessionImageId);
  } else {
    conclude(client.livenessError ?? "No result", client.message ?? "", { client, session, audit });
  }
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
