import { ARROW, CHECK, NOTICE, SUN, applyStyles, drawing, make } from "./dom.js";
import { Texts } from "./texts.js";

/** What the person sees: a modal dialog over the whole page with one of three pages: advice, camera, notice. */
export class View {
  /** How long a text stands at least, so that it can be read and heard. */
  static HOLD_MS = 700;
  /** How long the last page stands when there is nothing to decide. */
  static DONE_MS = 1600;

  /**
   * @param {ShadowRoot} root where the dialog goes
   * @param {Texts} texts in the person's language
   * @param {any} settings of the element
   * @param {() => void} cancel called when the person wants to stop
   */
  constructor(root, texts, settings, cancel) {
    this.root = root;
    this.texts = texts;
    this.settings = settings;
    this.focused = /** @type {HTMLElement | null} */ (document.activeElement);
    this.answered = null;
    this.intro = make("div", { className: "intro" });
    this.notice = make("div", { className: "intro notice", hidden: true });
    this.capture = this.#capturePage(cancel);
    this.dialog = make(
      "dialog",
      { lang: texts.language, dir: texts.direction, "$aria-label": this.#text("Title") },
      this.intro,
      this.capture,
      this.notice,
    );
    // Escape; a browser may close the dialog itself when it is pressed twice.
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      cancel();
    });
    this.dialog.addEventListener("close", cancel);
    const { fontSize, fontFamily } = settings;
    if (fontSize) this.dialog.style.fontSize = typeof fontSize === "number" ? `${fontSize}px` : fontSize;
    if (fontFamily) this.dialog.style.fontFamily = fontFamily;
  }

  #text(key) {
    return this.texts.get(key);
  }

  #capturePage(cancel) {
    // Playing inside the page and without sound is what phones let start by itself.
    this.video = make("video", { muted: true, playsInline: true, autoplay: true, $playsinline: "", "$aria-hidden": "true" });
    this.video.addEventListener("resize", () => this.frame()); // the device was turned
    this.said = make("div", { className: "said", $role: "status", "$aria-live": "polite", "$aria-atomic": "true" });
    applyStyles(this.said, this.settings.feedbackMessageStyles);
    this.spinner = make("div", { className: "spinner", hidden: true });
    this.arrow = make("div", { className: "arrow", hidden: true, "$aria-hidden": "true" }, drawing(ARROW));
    this.stage = make(
      "div",
      { className: "stage", tabIndex: -1, $role: "group", "$aria-label": this.#text("Preview") },
      make("div", { className: "oval" }, this.video),
      this.arrow,
      this.spinner,
    );
    this.fill = make("i");
    this.choice = make("div", { hidden: true });
    const leave = make("button", { type: "button", className: "cancel", textContent: this.#text("Cancel"), onclick: cancel });
    const bar = make("div", { className: "bar", "$aria-hidden": "true" }, this.fill);
    const foot = make("div", { className: "foot" }, bar, make("div", { className: "row" }, this.choice, leave));
    return make("div", { className: "capture", hidden: true }, this.said, this.stage, foot);
  }

  open() {
    this.root.append(this.dialog);
    this.dialog.showModal();
  }

  close() {
    clearTimeout(this.timer);
    this.video.srcObject = null;
    this.dialog.close();
    this.dialog.remove();
    if (this.focused?.isConnected) this.focused.focus?.({ preventScroll: true });
  }

  // Pages that ask

  /** Answer the page that asks; false when none does. */
  answer(value) {
    if (!this.answered) return false;
    this.answered(value);
    this.answered = null;
    return true;
  }

  #ask(page) {
    this.#turnTo(page);
    page.querySelector("h2").focus();
    return new Promise((resolve) => {
      this.answered = resolve;
    });
  }

  #turnTo(page) {
    for (const other of [this.intro, this.capture, this.notice]) other.hidden = other !== page;
    for (const other of [this.intro, this.notice]) if (other !== page) other.replaceChildren();
    this.dialog.classList.toggle("live", page === this.capture);
    this.colour("");
    this.dialog.scrollTop = 0;
  }

  #button(key, value, primary = false) {
    const button = make("button", { type: "button", className: primary ? "primary" : "cancel", textContent: this.#text(key), onclick: () => this.answer(value) });
    if (primary) applyStyles(button, this.settings.buttonStyles);
    return button;
  }

  /**
   * Show the advice and the warning.
   *
   * @returns {Promise<string>} "go", "calm" for without flashes, or "cancel"
   */
  introduce({ flashes, mayBeCalm }) {
    const { brightnessImagePath, skipInstructions } = this.settings;
    const tips = [1, 2, 3].map((number) =>
      make("li", {}, make("h3", { textContent: this.#text(`Tip${number}Title`) }), make("p", { textContent: this.#text(`Tip${number}`) })),
    );
    const image = brightnessImagePath ? make("img", { src: brightnessImagePath, alt: "" }) : drawing(SUN);
    const advice = [
      make("ul", { className: "tips", $role: "list" }, ...tips),
      make("div", { className: "bright" }, image, make("p", { textContent: this.#text("IncreaseBrightnessToMax") })),
    ];
    const calm = [make("p", { textContent: this.#text("WithoutFlashesNote") }), this.#button("WithoutFlashes", "calm")];
    const warning = make(
      "div",
      { className: "warning", $role: "note", id: "warning" },
      make("h3", { textContent: this.#text("FlashTitle") }),
      make("p", { textContent: this.#text("FlashWarning") }),
      ...(mayBeCalm ? [make("div", { className: "calm" }, ...calm)] : []),
    );
    this.intro.replaceChildren(
      make("h2", { tabIndex: -1, textContent: this.#text("Title") }),
      ...(skipInstructions ? [] : advice),
      ...(flashes ? [warning] : []),
      make("div", { className: "buttons" }, this.#button("Cancel", "cancel"), this.#button("Continue", "go", true)),
    );
    return this.#ask(this.intro);
  }

  /**
   * Tell what hinders, or what came of it, and ask what to do.
   *
   * @param {{title: string, advice: string, note?: string, waitSeconds?: number, cameras?: MediaDeviceInfo[],
   *   deviceId?: string, actions: string[]}} page `actions` are keys of texts: the first is what most people want
   * @returns {Promise<string>} the action, or "cancel"; the chosen camera is in `camera`
   */
  notify({ title, advice, note = "", waitSeconds = 0, cameras = [], deviceId, actions }) {
    this.camera = null;
    const buttons = actions.map((key, at) => this.#button(key, key, at === 0));
    const more = [];
    if (note) more.push(make("p", { className: "note", textContent: note }));
    if (waitSeconds > 0) {
      more.push(make("p", { className: "note", textContent: this.texts.fill("WaitSeconds", { seconds: waitSeconds }) }));
      buttons[0].disabled = true;
      setTimeout(() => {
        buttons[0].disabled = false;
      }, waitSeconds * 1000);
    }
    if (cameras.length) {
      const picker = this.#picker(cameras, deviceId, (chosen) => {
        this.camera = chosen;
      });
      this.camera = picker.querySelector("select").value;
      more.push(picker);
    }
    this.#say(NOTICE, "", title, advice, ...more, make("div", { className: "buttons" }, ...buttons.reverse()));
    return this.#ask(this.notice);
  }

  /** Show that all is done, for a moment. */
  async conclude({ title, advice }) {
    this.#say(CHECK, "good", title, advice);
    const left = this.#ask(this.notice);
    let timer;
    await Promise.race([left, new Promise((resolve) => (timer = setTimeout(resolve, View.DONE_MS)))]);
    clearTimeout(timer);
    this.answered = null;
  }

  #say(path, kind, title, advice, ...more) {
    const told = make("div", { $role: "status" });
    this.notice.replaceChildren(
      make("div", { className: `sign ${kind}`, "$aria-hidden": "true" }, drawing(path)),
      make("h2", { tabIndex: -1, textContent: title }),
      told,
      ...more,
    );
    told.append(make("p", { textContent: advice })); // after the element, so that a screen reader hears it
  }

  #picker(cameras, deviceId, chosen) {
    const option = ({ label, deviceId }, at) => make("option", { value: deviceId, textContent: label || `${this.#text("Camera")} ${at + 1}` });
    const select = make("select", {}, ...cameras.map(option));
    if (cameras.some((camera) => camera.deviceId === deviceId)) select.value = deviceId;
    select.addEventListener("change", () => chosen(select.value));
    return make("label", { className: "picker" }, `${this.#text("Camera")} `, select);
  }

  // The camera's page

  /** Turn to the camera's page, as it is at the beginning. */
  showCapture() {
    this.spinner.hidden = true;
    this.point(null);
    this.progress(0);
    this.offer([]);
    this.#turnTo(this.capture);
    this.stage.focus();
  }

  /** Offer a choice of cameras; none for no choice. */
  offer(cameras, deviceId, chosen) {
    this.choice.hidden = !cameras.length;
    this.choice.replaceChildren(...(cameras.length ? [this.#picker(cameras, deviceId, chosen)] : []));
  }

  mirror(mirrored) {
    this.mirrored = mirrored;
    this.frame();
  }

  /** Enlarge the picture so that a face of the wanted size fills the oval. */
  frame(guidance = this.guidance) {
    this.guidance = guidance;
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    const { maxWidth = 0.65 } = guidance ?? {};
    const seen = Math.min(width, height * 0.75);
    const zoom = Math.max(1, seen / (Math.min(width, height) * maxWidth * 1.15));
    this.video.style.transform = `scale(${this.mirrored === false ? zoom : -zoom}, ${zoom})`;
  }

  /** Say a text by its key. A text stands for a while unless the next one cannot wait. */
  say(key, urgent = false) {
    if (key === this.key && this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const wait = urgent ? 0 : (this.since ?? -Infinity) + View.HOLD_MS - performance.now();
    if (wait > 0) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.say(key, true);
      }, wait);
      return;
    }
    if (key === this.key) return;
    this.key = key;
    this.since = performance.now();
    this.said.textContent = this.#text(key);
    this.stage.classList.toggle("placed", key === "None");
  }

  colour(colour) {
    this.dialog.style.backgroundColor = colour;
  }

  progress(share) {
    this.fill.style.transform = `scaleX(${Math.min(1, share)})`;
  }

  point(direction) {
    this.arrow.hidden = !direction;
    this.arrow.className = `arrow ${direction ?? ""}`;
  }

  wait() {
    this.point(null);
    this.colour("");
    this.spinner.hidden = false;
    this.say("Checking", true);
  }
}
