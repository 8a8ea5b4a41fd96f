// One sequence: what the network says of it, and where in it that comes from.

import { BOTH, LRP, PLRP, mapChoice, pruningSlider, zoomButtons } from "./controls.js";
import { choices, el } from "./dom.js";
import { mapsOf } from "./decode.js";
import { bedOfHits, fileName, saveButton, tsvOfMaps } from "./files.js";
import { allHits, focus, shareInside } from "./marks.js";
import { browserPlace, chance, count, many, number, percent } from "./names.js";
import { Panel } from "./panel.js";
import { View } from "./view.js";

const COMFORT = 9; // pixels a base, for letters that are read with ease
const HELP =
  "Drag to move; Ctrl and wheel, pinch or double click to zoom. Keys, once the track is focused: \u2190 \u2192 walk along " +
  "the bases (shift: ten), + \u2212 zoom, 0 all, N and P next and previous hit, Esc puts the cursor away.";

// What a map is called: its amount of pruning says more than its name, where there is one.
const title = ({ name, p }) => (p === null ? { name, detail: "" } : { name: "PLRP", detail: `p = ${p}` });

export class Detail {
  constructor(data) {
    this.data = data;
    this.mode = BOTH;
    this.setting = data.chosen;
    this.panel = new Panel((hit) => this.open(this.sequence, hit.explained.label, [hit.start, hit.end]));
    this.head = el("div", { class: "head" });
    this.outputs = el("div", { class: "outputs" });
    this.share = el("p", { class: "share", role: "status" });
    this.tables = el("div", { class: "tables" });
    const pruned = data.settings.length > 1;
    const bar = el(
      "div",
      { class: "bar" },
      pruned && mapChoice(data.settings, this.mode, (mode) => this.change(() => (this.mode = mode))),
      data.settings.length > 2 && pruningSlider(data.settings, this.setting, (i) => this.change(() => (this.setting = i))),
      zoomButtons(this.panel),
    );
    const help = el("details", { class: "keys" }, el("summary", {}, "How to move about"), el("p", {}, HELP));
    const parts = [this.head, this.outputs, bar, this.panel.node, this.share, this.saving(), help, this.tables];
    this.node = el("section", { class: "detail", "aria-label": "Sequence" }, ...parts);
  }

  change(act) {
    act();
    this.refresh();
  }

  // Show a sequence; of it a certain output, and a stretch, if given.
  open(sequence, label = null, span = null) {
    this.sequence = sequence;
    this.explained = sequence.explained.find((explained) => explained.label === label) ?? sequence.explained[0];
    this.view = new View(sequence.start, sequence.start + sequence.letters.length);
    this.cursor = null;
    this.describe();
    this.look(span);
    this.refresh();
  }

  // Choose the stretch that is shown first: as much around the best hits as can be read.
  look(span) {
    const width = (this.panel.node.clientWidth || 700) - 60;
    const room = width / COMFORT;
    if (span) {
      const middle = (span[0] + span[1]) / 2;
      const half = Math.max(room * 0.35, span[1] - span[0]) / 2;
      this.view.show(middle - half, middle + half);
    } else if (room * 1.15 < this.view.bases) {
      this.view.show(...focus(this.explained, this.map(this.setting), this.sequence.start, room));
    }
  }

  map(i) {
    return mapsOf(this.explained, this.sequence.letters.length)[i];
  }

  refresh() {
    const { settings } = this.data;
    const { sequence, explained, view } = this;
    const pruned = settings[this.setting];
    const own = { ...title(pruned), values: this.map(this.setting) };
    const lrp = { name: settings[0].name, detail: "", values: this.map(0) };
    const single = settings.length === 1;
    const tracks = [...(this.mode !== LRP && !single ? [own] : []), ...(this.mode !== PLRP || single ? [lrp] : [])];
    const hits = allHits(sequence);
    const truth = explained.truth?.length ? explained.truth : null;
    this.cursor = this.panel.state?.view === view ? this.panel.state.cursor : this.cursor;
    this.panel.set({ sequence, explained, tracks, hits, truth, truthName: this.data.truthName, view, cursor: this.cursor });
    this.share.replaceChildren(...this.shares(tracks));
  }

  // How much of each map lies on the truth.
  shares(tracks) {
    const { truth } = this.explained;
    if (!truth) return [];
    if (!truth.length) return ["No known site here", this.data.truth ? ` (${this.data.truth}).` : "."];
    const parts = tracks.map((track) => {
      const name = [track.name, track.detail].filter(Boolean).join(", ");
      return el("span", { class: "part" }, `${name}: `, el("b", {}, percent(shareInside(track.values, truth, this.sequence.start))));
    });
    return [el("i", { class: "hatched", "aria-hidden": "true" }), `Relevance on the ${this.data.truthName} (RMA) `, ...parts];
  }

  describe() {
    const { sequence, data } = this;
    const shown = sequence.letters.length;
    const facts = [
      sequence.length > shown
        ? `bases ${count(sequence.start)} to ${count(sequence.start + shown)} of ${count(sequence.length)}`
        : many(shown, "base"),
      browserPlace(sequence, sequence.start, sequence.start + shown),
    ].filter((fact) => fact && fact.replaceAll(",", "") !== sequence.name);
    this.head.replaceChildren(el("h3", {}, sequence.name), el("p", { class: "quiet" }, facts.join(" \u00b7 ")));
    const options = sequence.explained.map((explained, i) => [
      i,
      el("b", {}, data.labels[explained.label]),
      ` ${number(sequence.scores[explained.label], 1)}`,
      el("small", {}, explained.called ? ` ${chance(sequence.scores[explained.label])}` : " not called"),
    ]);
    const choose = (i) => this.change(() => (this.explained = sequence.explained[i]));
    this.outputs.replaceChildren(choices("Output explained", options, sequence.explained.indexOf(this.explained), choose));
    this.tables.replaceChildren(this.hitTable(), this.predictions());
  }

  hitTable() {
    const hits = allHits(this.sequence);
    if (!hits.length) return el("p", { class: "quiet" }, "No hit: no output is called here, or nothing in its map stands out.");
    const line = (hit) => {
      const act = () => this.open(this.sequence, hit.explained.label, [hit.start, hit.end]);
      const about = `Show the ${hit.name} hit at ${hit.start}`;
      return el(
        "tr",
        {},
        el("td", {}, el("button", { type: "button", class: "link", "aria-label": about, onclick: act }, hit.name)),
        el("td", {}, `${count(hit.start)}\u2013${count(hit.end)}`),
        el("td", {}, { "+": "+ forward", "-": "\u2212 reverse" }[hit.strand] ?? "none"),
        el("td", {}, percent(hit.share)),
        el("td", {}, browserPlace(this.sequence, hit.start, hit.end) ?? "\u2013"),
      );
    };
    const heads = ["hit", "start\u2013end", "strand", "share of relevance", "in the genome"];
    return el(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Hits" },
      el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...hits.map(line))),
    );
  }

  predictions() {
    const { labels, thresholds } = this.data;
    const { scores } = this.sequence;
    const margin = (i) => (scores[i] ?? -Infinity) - (thresholds[i] ?? 0);
    const order = labels.map((_, i) => i).sort((a, b) => margin(b) - margin(a));
    const line = (i) => {
      const called = thresholds.length > 0 && margin(i) > 0;
      const numbers = [number(scores[i]), thresholds.length ? number(thresholds[i]) : "\u2013", chance(scores[i])];
      const row = [el("th", { scope: "row" }, labels[i]), ...numbers.map((text) => el("td", {}, text)), el("td", {}, called ? "\u2713 called" : "")];
      return el("tr", { class: called ? "over" : null }, ...row);
    };
    const heads = ["output", "score", "threshold", "probability", ""];
    const table = el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...order.map(line)));
    const wide = el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Predictions" }, table);
    return el("details", { class: "predictions" }, el("summary", {}, `Predictions: ${many(labels.length, "output")}`), wide);
  }

  saving() {
    const name = (end) => () => `${fileName(this.data.labels[this.explained.label], this.sequence.name)}.${end}`;
    const title = () => `${this.data.labels[this.explained.label]} \u00b7 ${this.sequence.name}`;
    return el(
      "div",
      { class: "saving", role: "group", "aria-label": "Download" },
      el("span", { class: "quiet" }, "Download"),
      saveButton("SVG", "Download what the track shows as SVG", name("svg"), () => this.panel.svg(title()), "image/svg+xml"),
      saveButton("BED", "Download the hits of this sequence as BED", name("bed"), () => bedOfHits(this.sequence)),
      saveButton("TSV", "Download the relevance of every base as TSV", name("tsv"), () => tsvOfMaps(this.data, this.sequence, this.explained)),
    );
  }
}
