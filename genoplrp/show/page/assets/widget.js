// The viewer as a widget of a notebook, in the form that anywidget loads. The model holds `data` (the JSON of
// encode.py), `title`, and `sequence`, the index of the sequence that is open, which both sides may change.

import { el } from "./dom.js";
import { render } from "./viewer.js";

function show({ model, el: cell }) {
  const title = model.get("title");
  const viewer = el("div", {});
  const root = el(
    "div",
    // JupyterLab would take the viewer's keys for its own: 0 twice restarts the kernel.
    { class: `plrp plrp-widget ${hostTheme()}`, "data-lm-suppress-shortcuts": "true", onkeydown: (event) => event.stopPropagation() },
    title && el("h2", {}, title),
    viewer,
  );
  cell.append(root);
  let shown = model.get("sequence");
  const onopen = (index) => {
    shown = index;
    if (model.get("sequence") === index) return;
    model.set("sequence", index);
    model.save_changes();
  };
  const { open } = render(viewer, model.get("data"), { first: shown, onopen });
  viewer.classList.remove("plrp"); // the card around it is the one with the colours
  const follow = () => model.get("sequence") !== shown && open(model.get("sequence"));
  model.on("change:sequence", follow);
  return () => model.off("change:sequence", follow);
}

// "light" or "dark" where the notebook says it; else the system decides.
function hostTheme() {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "true" ? "light" : "dark";
  if (vscodeThemeKind) return vscodeThemeKind.includes("light") ? "light" : "dark";
  return "";
}

export default { render: show };
