// The viewer: sequences in one tab, patterns in the other. It knows nothing of the page around it.

import { el, freshId } from "./dom.js";
import { Detail } from "./detail.js";
import { PatternGallery } from "./gallery.js";
import { SequenceList } from "./list.js";
import { count } from "./names.js";

// Fill `root` with what `data` (the JSON of encode.py) holds, the sequence with index `first` open. `onopen` is called
// with the index of each sequence that is opened after it. Returns `open(sequence, label, span)`, which shows a sequence
// by its index, and of it an output and a stretch, if given.
export function render(root, data, { first = 0, onopen = () => {} } = {}) {
  root.classList.add("plrp");
  if (!data.sequences.length) return withoutSequences(root, data);
  const detail = new Detail(data);
  const list = new SequenceList(data, (index) => {
    detail.open(data.sequences[index]);
    onopen(index);
  });
  const part = count(data.sequences.length);
  const note = data.total > data.sequences.length && el("p", { class: "note" }, `${part} of ${count(data.total)} sequences are on this page: ${data.selection}.`);
  const sequences = el("div", {}, note, el("div", { class: "browser" }, list.node, detail.node));
  const open = (index, label = null, span = null) => {
    if (tabs) tabs.show(0);
    list.mark(index);
    detail.open(data.sequences[index], label, span);
    onopen(index);
  };
  const visit = (...where) => {
    open(...where);
    detail.panel.canvas.focus({ preventScroll: true });
    detail.node.scrollIntoView({ block: "nearest" });
  };
  const gallery = data.patterns.length ? new PatternGallery(data, detail.panel, visit) : null;
  const tabs = gallery && tabbed([["Sequences", sequences], ["Motifs", gallery.node]]);
  root.replaceChildren(tabs ? tabs.node : sequences);
  list.mark(first);
  detail.open(data.sequences[first]);
  if (tabs && data.opens === "patterns") {
    // How much of the sequence fits is known only once it is seen.
    tabs.first(() => detail.open(data.sequences[first]));
    tabs.show(1);
  }
  return { open };
}

// Patterns may be all that there is; the panel lends them its colours.
function withoutSequences(root, data) {
  const { panel } = new Detail(data);
  const parts = data.patterns.length
    ? [new PatternGallery(data, panel, () => {}).node, el("div", { hidden: true }, panel.node)]
    : [el("p", {}, "There is no sequence to show.")];
  root.replaceChildren(...parts);
  return { open: () => {} };
}

// Tabs after the ARIA pattern: arrow keys go from one to the next.
function tabbed(pages) {
  const panels = pages.map(([, content]) => el("div", { role: "tabpanel", id: freshId("page"), tabindex: "-1" }, content));
  const tabs = pages.map(([name], i) =>
    el("button", { type: "button", role: "tab", id: freshId("tab"), "aria-controls": panels[i].id, onclick: () => show(i) }, name),
  );
  tabs.forEach((tab, i) => panels[i].setAttribute("aria-labelledby", tab.id));
  let waiting = null; // done when the first panel is seen for the first time
  const show = (chosen) => {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === chosen));
      tab.tabIndex = i === chosen ? 0 : -1;
      panels[i].hidden = i !== chosen;
    });
    if (chosen !== 0 || !waiting) return;
    const act = waiting;
    waiting = null;
    act();
  };
  const key = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    show(next);
    tabs[next].focus();
  };
  show(0);
  return { node: el("div", {}, el("div", { role: "tablist", class: "tabs", onkeydown: key }, ...tabs), ...panels), show, first: (act) => (waiting = act) };
}
