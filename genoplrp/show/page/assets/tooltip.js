// What lies under the pointer or the cursor, as a box beside it, and in words for a screen reader.

import { el } from "./dom.js";
import { base } from "./glyphs.js";
import { browserPlace, count } from "./names.js";
import { describe } from "./track.js";

export class Tooltip {
  constructor() {
    this.node = el("div", { class: "tooltip", "aria-hidden": "true", hidden: true });
    this.voice = el("div", { class: "unseen", role: "status" });
  }

  hide() {
    this.node.hidden = true;
  }

  // `x`, `y`: pixels in the panel; `width`: that of the panel, which the box does not leave.
  show(state, position, x, y, width) {
    const { letter, values, hits, truth } = describe(state, position);
    const place = browserPlace(state.sequence, position, position + 1);
    this.node.replaceChildren(
      el("div", { class: "tooltip-head" }, el("b", { class: `base ${base(letter)}` }, letter), ` at ${count(position)}`),
      place ? el("div", { class: "quiet" }, place) : "",
      ...values.map(([name, value]) => el("div", { class: "pair" }, el("span", {}, name), el("b", {}, value))),
      ...hits.map((hit) => el("div", {}, "\u25b8 ", hit)),
      truth ? el("div", {}, `\u25a8 inside the ${state.truthName}`) : "",
    );
    this.node.hidden = false;
    const wide = this.node.offsetWidth;
    const left = x + 14 + wide > width ? x - wide - 14 : x + 14;
    this.node.style.transform = `translate(${Math.max(0, Math.min(left, width - wide))}px, ${y + 12}px)`;
  }

  say(state, position) {
    const { letter, values, hits, truth } = describe(state, position);
    const words = [`${letter} at ${position}`, ...values.map((pair) => pair.join(" ")), ...hits];
    this.voice.textContent = [...words, ...(truth ? [`inside the ${state.truthName}`] : [])].join("; ");
  }
}
