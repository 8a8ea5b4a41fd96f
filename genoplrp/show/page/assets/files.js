// What can be saved: text is made here, and handed to the browser as a file.

import { el } from "./dom.js";
import { mapsOf } from "./decode.js";

const flat = (text) => text.replace(/[\t\n\r]/g, " ");

// BED6 of hits: record, start, end (0-based half-open), name, 1000 x share of relevance, strand.
export function bedOfHits(sequence) {
  const lines = sequence.explained.flatMap((explained) =>
    [...explained.hits]
      .sort((a, b) => a[0] - b[0])
      .map(([start, end, name, strand, share]) => [flat(sequence.name), start, end, flat(name), Math.round(1000 * share), strand]),
  );
  return lines.map((line) => `${line.join("\t")}\n`).join("");
}

// BED6 of a pattern's example sites.
export function bedOfSites(data, pattern) {
  const line = ([index, , start, end, strand]) => [flat(data.sequences[index].name), start, end, flat(pattern.name), 0, strand];
  return pattern.sites.map((site) => `${line(site).join("\t")}\n`).join("");
}

// One line a base: its position (0-based), what it is, one map a column, and whether it lies in a hit or in the truth, under its name.
export function tsvOfMaps(data, sequence, explained) {
  const maps = mapsOf(explained, sequence.letters.length);
  const names = data.settings.map((setting) => flat(setting.name));
  const within = (position) => ([start, end]) => start <= position && position < end;
  const rowOf = (i) => {
    const position = sequence.start + i;
    const hit = explained.hits.some(within(position)) ? 1 : 0;
    const truth = explained.truth ? Number(explained.truth.some(within(position))) : "NaN";
    return [position, sequence.letters[i], ...maps.map((values) => String(Number(values[i].toPrecision(6)))), hit, truth];
  };
  const head = ["position", "base", ...names, "hit", data.truthName];
  const rest = Array.from(sequence.letters, (_, i) => rowOf(i));
  return [head, ...rest].map((line) => `${line.join("\t")}\n`).join("");
}

export function fileName(...parts) {
  return parts.map((part) => part.replace(/[^A-Za-z0-9.-]+/g, "_")).join("_").slice(0, 100);
}

export function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function saveButton(label, about, name, text, type = "text/plain") {
  return el("button", { type: "button", class: "small", "aria-label": about, title: about, onclick: () => save(name(), text(), type) }, label);
}
