const STYLE = `
:host { display: block; }
:host([hidden]) { display: none; }
dialog {
  --paper: #ffffff; --ink: #1b1b1f; --soft: #4b4b55; --line: #8a8a94; --accent: #1a56c4; --on-accent: #ffffff;
  --warn-paper: #fff3d6; --warn-ink: #3d2c00; --warn-line: #a86f00; --good: #0d6b34;
  color-scheme: light dark;
  box-sizing: border-box; position: fixed; inset: 0; margin: 0; padding: 0; border: 0;
  width: 100vw; max-width: none; height: 100vh; height: 100dvh; max-height: none; overflow: auto;
  background: var(--paper); color: var(--ink);
  font: 400 1.125rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
dialog::backdrop { background: #000; }
@media (prefers-color-scheme: dark) {
  dialog:not(.live) {
    --paper: #16161a; --ink: #f1f1f4; --soft: #c3c3cc; --line: #7d7d88; --accent: #a9c6ff; --on-accent: #0a2a66;
    --warn-paper: #3a2d0c; --warn-ink: #ffe9b8; --warn-line: #d9a62e; --good: #7fd6a2;
  }
}
dialog.live { color-scheme: light; background: #ffffff; overflow: hidden; }
[hidden] { display: none !important; }
h2, h3, p, ul { margin: 0; padding: 0; }
h2 { font-size: 1.5em; line-height: 1.2; }
h3 { font-size: 1em; }
h2:focus, .stage:focus { outline: none; }

.intro {
  box-sizing: border-box; min-height: 100%; max-width: 36rem; margin: 0 auto;
  padding: max(1.25rem, env(safe-area-inset-top)) 1.25rem max(1.25rem, env(safe-area-inset-bottom));
  display: flex; flex-direction: column; gap: 1rem; justify-content: center;
}
.tips { list-style: none; display: grid; gap: .75rem; }
.tips p, .bright p { color: var(--soft); }
.bright { display: flex; gap: .75rem; align-items: center; }
.bright img, .bright svg { flex: none; width: 2.5rem; height: 2.5rem; object-fit: contain; }
.warning {
  background: var(--warn-paper); color: var(--warn-ink); border-inline-start: .3rem solid var(--warn-line);
  border-radius: .4rem; padding: .75rem 1rem;
}
.calm { display: grid; gap: .5rem; justify-items: start; margin-top: .75rem; }
.sign { width: 3rem; height: 3rem; color: var(--warn-line); }
.sign.good { color: var(--good); }
.sign svg { display: block; width: 100%; height: 100%; }
.note { color: var(--soft); }
.picker { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; font-size: 1rem; }
select {
  font: inherit; min-height: 2.75rem; max-width: 100%; padding: .3rem .6rem; border-radius: .5rem;
  border: 2px solid var(--line); background: var(--paper); color: var(--ink);
}
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; justify-content: flex-end; }
button {
  font: inherit; font-weight: 600; min-height: 2.75rem; min-width: 7rem; padding: .4rem 1.25rem; cursor: pointer;
  border-radius: 1.5rem; border: 2px solid var(--line); background: var(--paper); color: var(--ink);
}
button.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
button:disabled { opacity: .55; cursor: default; }
button:focus-visible, select:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }

.capture {
  box-sizing: border-box; height: 100%; display: grid; grid-template: auto minmax(0, 1fr) auto / minmax(0, 1fr);
  justify-items: center; gap: .75rem;
  padding: max(.75rem, env(safe-area-inset-top)) .75rem max(.75rem, env(safe-area-inset-bottom));
}
.said {
  box-sizing: border-box; width: 100%; max-width: 30rem; min-height: 3.2em; display: grid; place-items: center;
  padding: .5rem 1rem; border-radius: .8rem; border: 1px solid #8a8a94;
  background: #ffffff; color: #1b1b1f; font-size: 1.15em; font-weight: 600; text-align: center;
}
.stage { position: relative; height: 100%; aspect-ratio: 3 / 4; max-width: 84%; min-height: 0; }
.oval {
  position: absolute; inset: 0; margin: auto; max-height: 100%; aspect-ratio: 3 / 4; width: 100%; box-sizing: border-box;
  border-radius: 50%; overflow: hidden; border: .35rem solid #3c3c46; background: #2a2a30;
}
.stage.placed .oval { border-color: #0d6b34; }
video { display: block; width: 100%; height: 100%; object-fit: cover; transform: scaleX(-1); }
.arrow {
  position: absolute; width: 5rem; height: 5rem; padding: .6rem; box-sizing: border-box; border-radius: 50%;
  background: #1b1b1f; color: #ffffff;
}
.arrow svg { display: block; width: 100%; height: 100%; }
.arrow.left { left: -.5rem; top: calc(50% - 2.5rem); }
.arrow.right { right: -.5rem; top: calc(50% - 2.5rem); }
.arrow.up { top: -.5rem; left: calc(50% - 2.5rem); }
.arrow.down { bottom: -.5rem; left: calc(50% - 2.5rem); }
.arrow.left svg { transform: rotate(180deg); }
.arrow.up svg { transform: rotate(-90deg); }
.arrow.down svg { transform: rotate(90deg); }
.foot { width: 100%; max-width: 30rem; display: grid; gap: .6rem; justify-items: center; }
.bar { width: 100%; height: .4rem; border-radius: .2rem; background: #ffffff; border: 1px solid #3c3c46; overflow: hidden; }
.bar i { display: block; height: 100%; background: #3c3c46; transform: scaleX(0); transform-origin: left; }
dialog[dir="rtl"] .bar i { transform-origin: right; }
.row { width: 100%; display: flex; flex-wrap: wrap; gap: .6rem; justify-content: center; align-items: center; }
.row .picker { padding: .2rem .8rem; border-radius: .8rem; background: #ffffff; border: 1px solid #8a8a94; }
.row select { max-width: 12rem; }
.foot button { background: #ffffff; color: #1b1b1f; border-color: #3c3c46; }
.foot button:disabled { opacity: .55; cursor: default; }
button:focus-visible, select:focus-visible { outline-color: #1b1b1f; box-shadow: 0 0 0 6px #ffffff; }
.spinner {
  width: 3rem; height: 3rem; border-radius: 50%; border: .35rem solid #c9c9d2; border-top-color: #1a56c4;
  position: absolute; inset: 0; margin: auto; animation: turn 1s linear infinite;
}
@keyframes turn { to { transform: rotate(1turn); } }
@keyframes nudge { 50% { translate: .3rem 0; } }
.arrow svg { animation: nudge .8s ease-in-out infinite; }
@media (prefers-reduced-motion: reduce) {
  .spinner { animation: none; border-top-color: #c9c9d2; border-style: dotted; }
  .arrow svg { animation: none; }
}
@media (orientation: landscape) and (max-height: 30rem) {
  .capture { grid-template: minmax(0, 1fr) / minmax(0, 1fr) auto minmax(0, 1fr); align-items: center; }
  .said { font-size: 1em; }
  .intro { max-width: 60rem; gap: .6rem; font-size: 1rem; }
  .buttons { position: sticky; bottom: 0; padding-block: .5rem; background: var(--paper); }
  .tips { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .calm { grid-template-columns: minmax(0, 1fr) auto; align-items: center; }
}
@media (forced-colors: active) {
  .oval, button, .said, .warning { border: 2px solid CanvasText; }
  dialog.live, .bar, .bar i { forced-color-adjust: none; }
}
`;

let sheet = null;

export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  return sheet;
}
