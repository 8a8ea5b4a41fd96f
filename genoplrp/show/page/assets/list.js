// The searchable list of sequences: a text field, two selections, and a list box that arrow keys walk through.

import { el, freshId, svg } from "./dom.js";
import { reverseComplement } from "./glyphs.js";
import { count, many, number } from "./names.js";
import { allHits } from "./marks.js";

const BASES_AT_LEAST = 4;
const ORDERS = {
  page: ["best first", () => 0],
  name: ["by name", (a, b) => a.sequence.name.localeCompare(b.sequence.name, "en", { numeric: true })],
};

export class SequenceList {
  constructor(data, onpick) {
    this.data = data;
    this.onpick = onpick;
    this.items = data.sequences.map((sequence, index) => this.item(sequence, index));
    this.shown = this.items;
    this.current = null;
    this.build();
    this.search();
  }

  build() {
    const id = freshId("search");
    const labels = [...new Set(this.items.flatMap((item) => item.called))].sort((a, b) => a - b);
    const ofLabel = (label) => this.items.filter((item) => item.called.includes(label)).length;
    const redo = () => this.search();
    this.field = el("input", { type: "search", id, placeholder: "name, motif or bases", autocomplete: "off", spellcheck: "false", oninput: redo });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      event.preventDefault();
      this.box.focus();
      if (!this.shown.includes(this.current) && this.shown.length) this.pick(this.shown[0]);
    });
    this.label = el(
      "select",
      { "aria-label": "Show sequences that call", onchange: redo },
      el("option", { value: "" }, "every output"),
      ...labels.map((label) => el("option", { value: label }, `${this.data.labels[label]} (${count(ofLabel(label))})`)),
    );
    const orders = Object.entries(ORDERS).map(([value, [name]]) => el("option", { value }, name));
    this.order = el("select", { "aria-label": "Order of the list", onchange: redo }, ...orders);
    this.found = el("p", { class: "quiet found", role: "status" });
    this.box = el("ul", { class: "sequences", role: "listbox", tabindex: "0", "aria-label": "Sequences", onkeydown: (event) => this.key(event) });
    this.node = el(
      "div",
      { class: "list" },
      el("label", { for: id, class: "unseen" }, "Search sequences"),
      this.field,
      el("div", { class: "selects" }, this.label, this.order),
      this.found,
      this.box,
    );
  }

  item(sequence, index) {
    const called = sequence.explained.filter((explained) => explained.called).map((explained) => explained.label);
    const names = called.map((label) => this.data.labels[label]);
    const best = sequence.explained[0].label;
    const words = names.length ? names.join(", ") : `nothing called; nearest ${this.data.labels[best]}`;
    const node = el(
      "li",
      { role: "option", id: freshId("option"), "aria-selected": "false", onclick: () => this.pick(this.items[index]) },
      el("span", { class: "name" }, sequence.name),
      el("span", { class: "called" }, el("span", {}, words), el("span", { class: "score" }, number(sequence.scores[best], 1))),
      strip(sequence),
    );
    const hits = allHits(sequence).map((hit) => hit.name);
    const text = [sequence.name, ...new Set([...names, ...hits])].join("\n").toLowerCase();
    return { sequence, index, called, node, text };
  }

  search() {
    const words = this.field.value.trim().split(/\s+/).filter(Boolean);
    const label = this.label.value;
    const fits = (item) => (label === "" || item.called.includes(Number(label))) && words.every((word) => matches(item, word));
    this.shown = this.items.filter(fits).sort(ORDERS[this.order.value][1]);
    this.box.replaceChildren(...this.shown.map((item) => item.node));
    const all = this.items.length;
    this.found.textContent = this.shown.length === all ? many(all, "sequence") : `${count(this.shown.length)} of ${many(all, "sequence")}`;
    if (this.current && this.shown.includes(this.current)) this.reveal();
    else this.box.scrollTop = 0;
  }

  // Mark and hand on one item.
  pick(item, tell = true) {
    this.current?.node.setAttribute("aria-selected", "false");
    this.current = item;
    item.node.setAttribute("aria-selected", "true");
    this.box.setAttribute("aria-activedescendant", item.node.id);
    this.reveal();
    if (tell) this.onpick(item.index);
  }

  // Mark a sequence that was opened from elsewhere; a search that hides it is cleared.
  mark(index) {
    const item = this.items[index];
    if (!this.shown.includes(item)) {
      this.field.value = "";
      this.label.value = "";
      this.search();
    }
    this.pick(item, false);
  }

  reveal() {
    const { node } = this.current;
    const over = node.offsetTop - this.box.scrollTop;
    const under = over + node.offsetHeight - this.box.clientHeight;
    if (over < 0) this.box.scrollTop += over;
    else if (under > 0) this.box.scrollTop += under;
  }

  key(event) {
    const here = this.shown.indexOf(this.current);
    const last = this.shown.length - 1;
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + 8, PageUp: here - 8, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.pick(this.shown[Math.max(0, Math.min(last, to))]);
  }
}

// A word is in the name, or in that of a called output or of a hit, or its bases are in the sequence, on either strand.
function matches(item, word) {
  if (item.text.includes(word.toLowerCase())) return true;
  if (word.length < BASES_AT_LEAST || !/^[ACGTU]+$/i.test(word)) return false;
  const bases = word.toUpperCase().replaceAll("U", "T");
  const letters = item.sequence.letters.toUpperCase().replaceAll("U", "T");
  return letters.includes(bases) || letters.includes(reverseComplement(bases));
}

// Where the hits lie, as ticks on a line.
function strip(sequence) {
  const size = sequence.letters.length;
  const share = (position) => (100 * (position - sequence.start)) / size;
  const marks = allHits(sequence).map((hit) =>
    svg("rect", { x: share(hit.start), y: 0, width: Math.max(1.5, (100 * (hit.end - hit.start)) / size), height: 5, rx: 0.5 }),
  );
  const line = svg("line", { x1: 0, x2: 100, y1: 2.5, y2: 2.5, "vector-effect": "non-scaling-stroke" });
  return svg("svg", { class: "strip", viewBox: "0 0 100 5", preserveAspectRatio: "none", "aria-hidden": "true" }, line, ...marks);
}
