/** An HTML element with properties, attributes (given as `$name`) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("$")) element.setAttribute(name.slice(1), value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A drawing of strokes in a square of 24 units. */
export function drawing(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const stroke = document.createElementNS(space, "path");
  const look = { d: path, fill: "none", stroke: "currentColor", "stroke-width": "2.5", "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [name, value] of Object.entries(look)) stroke.setAttribute(name, value);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(stroke);
  return svg;
}

export const SUN = "M12 8a4 4 0 1 1 0 8a4 4 0 1 1 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5";
export const CHECK = "M4 12.5l5.5 5.5l10.5-12";
export const NOTICE = "M12 3l10 18h-20zM12 10v5M12 18v.2";
export const ARROW = "M4 12h15M13 5l7 7l-7 7";

/** Sets styles that an application gives as CSS text, as Azure's element takes them, or as an object. */
export function applyStyles(element, styles) {
  if (typeof styles === "string") element.style.cssText = styles;
  else if (styles && typeof styles === "object") Object.assign(element.style, styles);
}
