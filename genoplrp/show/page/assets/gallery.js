// The patterns: what they look like, how often they were found, and examples to go and look at.

import { choices, el, freshId } from "./dom.js";
import { BASES, base, reverseComplement } from "./glyphs.js";
import { bedOfSites, fileName, saveButton } from "./files.js";
import { count, many } from "./names.js";
import { SvgPen } from "./pens.js";

const LETTER = 18;
const HEIGHT = 72;
const EXAMPLES = 6;

export class PatternGallery {
  constructor(data, panel, onsite) {
    Object.assign(this, { data, panel, onsite });
    const id = freshId("patterns");
    this.field = el("input", { type: "search", id, placeholder: "name or matrix", autocomplete: "off", spellcheck: "false", oninput: () => this.search() });
    this.found = el("p", { class: "quiet found", role: "status" });
    this.cards = data.patterns.map((pattern) => [pattern, this.card(pattern)]);
    this.grid = el("div", { class: "cards" });
    const bar = el("div", { class: "bar" }, el("label", { for: id, class: "unseen" }, "Search motifs"), this.field, this.found);
    this.node = el("div", { class: "gallery" }, bar, this.grid);
    this.search();
  }

  search() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (pattern) => `${pattern.name} ${pattern.source} ${pattern.note}`.toLowerCase();
    const shown = this.cards.filter(([pattern]) => words.every((word) => text(pattern).includes(word)));
    this.grid.replaceChildren(...shown.map(([, card]) => card));
    const all = this.cards.length;
    this.found.textContent = shown.length === all ? many(all, "motif") : `${count(shown.length)} of ${many(all, "motif")}`;
  }

  card(pattern) {
    const drawing = el("div", { class: "drawings" });
    const turn = { reverse: false };
    const redraw = () => drawing.replaceChildren(...this.logos(pattern, turn.reverse));
    redraw();
    const strand = choices("Strand", [[false, "as found"], [true, "other strand"]], false, (reverse) => {
      turn.reverse = reverse;
      redraw();
    });
    const name = (end) => () => `${fileName(pattern.name)}.${end}`;
    const matrix = pattern.pwm ?? pattern.cwm;
    return el(
      "article",
      { class: "card", "aria-label": pattern.name },
      el("h3", {}, pattern.name, el("small", {}, pattern.source)),
      el("p", { class: "quiet" }, el("b", {}, many(pattern.count, "hit")), pattern.note ? ` \u00b7 ${pattern.note}` : ""),
      drawing,
      matrix && strand,
      this.examples(pattern),
      el(
        "div",
        { class: "saving", role: "group", "aria-label": `Download ${pattern.name}` },
        el("span", { class: "quiet" }, "Download"),
        matrix && saveButton("SVG", `Download the logo of ${pattern.name} as SVG`, name("svg"), () => this.file(pattern, turn.reverse), "image/svg+xml"),
        pattern.sites.length > 0 && saveButton("BED", `Download the example sites of ${pattern.name} as BED`, name("bed"), () => bedOfSites(this.data, pattern)),
        matrix && saveButton("TSV", `Download the matrices of ${pattern.name} as TSV`, name("tsv"), () => tsvOfPattern(pattern)),
      ),
    );
  }

  logos(pattern, reverse) {
    const drawn = [];
    const add = (matrix, words, about) => {
      if (!matrix) return;
      const heights = turned(matrix, reverse);
      drawn.push(el("figure", {}, this.picture(heights, `${about}, ${pattern.name}: ${consensus(heights)}`), el("figcaption", {}, words)));
    };
    add(pattern.pwm && information(pattern.pwm), "matrix, bits", "Sequence logo");
    add(pattern.cwm, "what the network reads: mean relevance", "Relevance logo");
    add(pattern.known, "closest known motif, bits", "Closest known motif");
    if (!drawn.length) drawn.push(el("p", { class: "quiet" }, "No matrix is known for it, and no hit shows what it reads."));
    return drawn;
  }

  picture(heights, about) {
    const text = this.drawn(heights, this.panel.paper(), "");
    const picture = el("div", { class: "logo", role: "img", "aria-label": about });
    const parsed = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    parsed.removeAttribute("height");
    parsed.setAttribute("aria-hidden", "true");
    parsed.querySelector("title").remove();
    for (const letter of parsed.querySelectorAll(".letter")) letter.removeAttribute("fill");
    picture.append(document.importNode(parsed, true));
    return picture;
  }

  drawn(heights, theme, title) {
    const pen = new SvgPen(this.panel.pen);
    drawLogo(pen, heights, theme);
    return pen.file(heights.length * LETTER, HEIGHT, title);
  }

  file(pattern, reverse) {
    const matrix = pattern.pwm ? information(pattern.pwm) : pattern.cwm;
    return this.drawn(turned(matrix, reverse), this.panel.paper(), pattern.name);
  }

  examples(pattern) {
    if (!pattern.sites.length) return el("p", { class: "quiet" }, "No example among the sequences of this page.");
    const line = (site) => {
      const [index, label, start, end, strand] = site;
      const sequence = this.data.sequences[index];
      const letters = sequence.letters.slice(start - sequence.start, end - sequence.start);
      const read = strand === "-" ? reverseComplement(letters) : letters.toUpperCase();
      const bases = [...read].map((letter) => el("span", { class: `base ${base(letter)}` }, letter));
      const about = `${read} in ${sequence.name}, ${start} to ${end}, strand ${strand}: show`;
      return el(
        "li",
        {},
        el(
          "button",
          { type: "button", class: "site", title: sequence.name, "aria-label": about, onclick: () => this.onsite(index, label, [start, end]) },
          el("span", { class: "bases" }, ...bases),
          el("span", { class: "quiet where" }, `${strand === "-" ? "\u2212" : strand} ${sequence.name}`),
        ),
      );
    };
    const few = pattern.sites.slice(0, EXAMPLES);
    const rest = pattern.sites.slice(EXAMPLES);
    const more = rest.length > 0 && el("details", {}, el("summary", {}, `${count(rest.length)} more`), el("ul", { class: "sites" }, ...rest.map(line)));
    return el("div", { class: "examples" }, el("ul", { class: "sites" }, ...few.map(line)), more);
  }
}

// Letter heights in bits from probabilities, as sequence logos have them: each base's share of 2 - entropy.
export function information(pwm) {
  return pwm.map((row) => {
    const total = row.reduce((sum, value) => sum + value, 0) || 1;
    const shares = row.map((value) => value / total);
    const entropy = -shares.reduce((sum, p) => sum + (p > 0 ? p * Math.log2(p) : 0), 0);
    return shares.map((p) => p * (2 - entropy));
  });
}

function turned(heights, reverse) {
  return reverse ? [...heights].reverse().map((row) => [...row].reverse()) : heights;
}

function consensus(heights) {
  return heights.map((row) => BASES[row.indexOf(Math.max(...row))]).join("");
}

// Letters of a column on top of each other, the largest outermost; those below zero under the line.
function drawLogo(pen, heights, theme) {
  const sums = heights.map((row) => [row.reduce((sum, v) => sum + Math.max(0, v), 0), row.reduce((sum, v) => sum + Math.min(0, v), 0)]);
  const high = Math.max(1e-9, ...sums.map(([above]) => above));
  const low = Math.min(0, ...sums.map(([, below]) => below));
  const unit = (HEIGHT - 4) / (high - low);
  const zero = 2 + high * unit;
  heights.forEach((row, i) => {
    let [above, below] = [zero, zero];
    const order = [0, 1, 2, 3].sort((a, b) => Math.abs(row[a]) - Math.abs(row[b]));
    for (const k of order) {
      const tall = Math.abs(row[k]) * unit;
      if (tall < 0.25) continue;
      const top = row[k] > 0 ? (above -= tall) : below;
      if (row[k] < 0) below += tall;
      pen.letter(BASES[k], i * LETTER + 0.6, top, LETTER - 1.2, tall, theme[BASES[k]]);
    }
  });
  pen.line(0, zero, heights.length * LETTER, zero, theme.line);
}

function tsvOfPattern(pattern) {
  const columns = [...(pattern.pwm ? [["pwm", pattern.pwm]] : []), ...(pattern.cwm ? [["cwm", pattern.cwm]] : [])];
  const head = ["position", ...columns.flatMap(([name]) => [...BASES].map((letter) => `${name}_${letter}`))];
  const rest = columns[0][1].map((_, i) => [i, ...columns.flatMap(([, matrix]) => matrix[i])]);
  return [head, ...rest].map((line) => `${line.join("\t")}\n`).join("");
}
