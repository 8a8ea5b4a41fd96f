// What a sequence's panel is steered by: which map, how much pruning, and zoom.

import { choices, el, freshId } from "./dom.js";
import { ZOOM } from "./panel.js";

export const LRP = "lrp";
export const PLRP = "plrp";
export const BOTH = "both";

const amounts = (settings) => settings.slice(1).every(({ p }) => p !== null);

// Which maps: LRP, PLRP or both under each other; maps without an amount of pruning go by their own names.
export function mapChoice(settings, chosen, onchoose) {
  const other = settings.length === 2 ? settings[1].name : "Other";
  const options = [
    [BOTH, "Both"],
    [PLRP, amounts(settings) ? "PLRP" : other],
    [LRP, settings[0].name],
  ];
  return choices("Maps shown", options, chosen, onchoose);
}

// The amount of pruning of the PLRP map, one stop a setting; left out where there is one only.
export function pruningSlider(settings, chosen, onmove) {
  const id = freshId("pruning");
  const ticks = freshId("stops");
  const words = (i) => (settings[i].p === null ? settings[i].name : `p = ${settings[i].p}`);
  const output = el("output", { for: id, class: "amount" }, words(chosen));
  const slider = el("input", {
    type: "range", id, min: "0", max: String(settings.length - 1), step: "1", list: ticks, "aria-valuetext": words(chosen),
    oninput: () => {
      const i = Number(slider.value);
      output.textContent = words(i);
      slider.setAttribute("aria-valuetext", words(i));
      onmove(i);
    },
  });
  slider.value = String(chosen);
  const stops = el("datalist", { id: ticks }, ...settings.map((_, i) => el("option", { value: String(i) })));
  const help = !amounts(settings) ? null : "Share of the relevance that is dropped at each layer of the network, from the smallest contributions on. 0 is LRP.";
  return el("div", { class: "slider", title: help }, el("label", { for: id }, amounts(settings) ? "pruning" : "map"), slider, stops, output);
}

export function zoomButtons(panel) {
  const button = (sign, about, act) => el("button", { type: "button", "aria-label": about, title: about, onclick: act }, sign);
  return el(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    button("\u2190", "Previous hit (P)", () => panel.jump(-1)),
    button("\u2192", "Next hit (N)", () => panel.jump(1)),
    button("\u2212", "Zoom out (\u2212)", () => panel.zoom(ZOOM)),
    button("+", "Zoom in (+)", () => panel.zoom(1 / ZOOM)),
    button("all", "Show the whole sequence (0)", () => panel.goTo(panel.state.view.start, panel.state.view.end)),
  );
}
