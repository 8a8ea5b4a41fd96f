// One sequence drawn: overview, truth, hits, and its maps as letters, or as bars where letters would be too narrow.

import { base } from "./glyphs.js";
import { count, number } from "./names.js";
import { range, rows, tickStep } from "./marks.js";

export const GUTTER = 52;
const EDGE = 8;
const OVERVIEW = 34;
const LANE = 20;
const AXIS = 30;
const LETTERS_FROM = 5; // pixels a base
const BARS_FROM = 1.2;
const ARROW = 7;
const SEEN = 4; // no hit is drawn narrower

// Where everything is, for a panel `width` wide. `tracks` are [{ name, detail, values }].
export function layout(state, width) {
  const { sequence, tracks, hits, truth } = state;
  const plot = { x: GUTTER, width: Math.max(40, width - GUTTER - EDGE) };
  const spans = rows(hits, Math.ceil((sequence.letters.length * 3) / plot.width));
  const lanes = spans.length ? Math.max(...spans.map((span) => span.row)) + 1 : 0;
  const parts = {};
  let y = 2;
  const take = (name, height, gap) => {
    parts[name] = { y, height };
    y += height + gap;
  };
  take("overview", OVERVIEW, 10);
  if (truth) take("truth", LANE - 4, 3);
  if (lanes) take("hits", lanes * LANE, 4);
  const each = tracks.length > 1 ? 118 : 172;
  parts.tracks = tracks.map((track) => {
    const part = { ...track, y, height: each };
    y += each + 6;
    return part;
  });
  parts.axis = { y, height: AXIS };
  return { plot, parts, spans, width, height: y + AXIS };
}

export function draw(pen, state, plan, theme, { overview = true } = {}) {
  const { view } = state;
  const scale = plan.plot.width / view.bases;
  const at = (position) => plan.plot.x + (position - view.from) * scale;
  const drawing = { pen, state, plan, theme, scale, at };
  if (overview) drawOverview(drawing);
  if (plan.parts.truth) drawTruth(drawing);
  if (plan.parts.hits) drawHits(drawing);
  const heights = range(plan.parts.tracks.map((track) => track.values));
  for (const track of plan.parts.tracks) drawTrack(drawing, track, heights);
  drawAxis(drawing);
  if (state.cursor !== null) drawCursor(drawing);
}

function label({ pen, plan, theme }, words, y, { size = 11, weight = 400, fill = theme.quiet } = {}) {
  pen.text(words, plan.plot.x - 8, y, { fill, align: "end", size, weight });
}

function drawOverview({ pen, state, plan, theme }) {
  const { y, height } = plan.parts.overview;
  const { x, width } = plan.plot;
  const { view, tracks } = state;
  pen.rect(x, y, width, height, theme.card);
  const bases = view.end - view.start;
  const values = tracks[0].values;
  drawBars(pen, values, {
    x, y: y + 3, width, height: height - 6, from: 0, to: bases, heights: range([values]), colour: () => theme.bar,
  });
  const left = x + ((view.from - view.start) / bases) * width;
  const shown = Math.max(4, (view.bases / bases) * width);
  pen.rect(x, y, left - x, height, theme.page, 0.45);
  pen.rect(left + shown, y, x + width - left - shown, height, theme.page, 0.45);
  frame(pen, left, y, shown, height, theme.accent);
  label({ pen, plan, theme }, "all", y + height / 2);
}

function frame(pen, x, y, width, height, stroke) {
  pen.shape([[x + 0.75, y + 0.75], [x + width - 0.75, y + 0.75], [x + width - 0.75, y + height - 0.75], [x + 0.75, y + height - 0.75]], { stroke });
}

function drawTruth(drawing) {
  const { pen, state, plan, theme, at } = drawing;
  const { y, height } = plan.parts.truth;
  label(drawing, state.truthName, y + height / 2);
  pen.inside(plan.plot.x, y, plan.plot.width, height, () => {
    for (const [start, end] of state.truth) {
      const x = at(start);
      const width = at(end) - x;
      pen.inside(x, y, width, height, () => {
        for (let step = -height; step < width; step += 6) pen.line(x + step, y + height, x + step + height, y, theme.truth, 1.3);
      });
      frame(pen, x, y, width, height, theme.truth);
    }
  });
}

function drawHits(drawing) {
  const { pen, state, plan, theme, at } = drawing;
  const { y, height } = plan.parts.hits;
  label(drawing, "hits", y + Math.min(height, LANE) / 2);
  pen.inside(plan.plot.x, y, plan.plot.width, height, () => {
    for (const span of plan.spans) {
      const own = span.explained === state.explained;
      const top = y + span.row * LANE + 1;
      const left = at(span.start);
      const right = Math.max(at(span.end), left + SEEN);
      pen.shape(arrow(left, right, top, LANE - 4, span.strand), own ? { fill: theme.accent } : { stroke: theme.quiet });
      const room = Math.min(right, plan.plot.x + plan.plot.width) - Math.max(left, plan.plot.x);
      const middle = Math.max(left, plan.plot.x) + room / 2;
      if (pen.width(span.name, 11, 600) + 2 * ARROW < room) {
        pen.text(span.name, middle, top + (LANE - 4) / 2, { fill: own ? theme.onaccent : theme.ink, align: "center", weight: 600 });
      }
    }
  });
}

// The hit drawn at a point of the panel, if there is one.
export function hitAt(state, plan, x, y) {
  if (!plan.parts.hits) return null;
  const scale = plan.plot.width / state.view.bases;
  const row = Math.floor((y - plan.parts.hits.y) / LANE);
  const inside = (span) => {
    const left = plan.plot.x + (span.start - state.view.from) * scale;
    return span.row === row && x >= left && x <= Math.max(left + SEEN, left + (span.end - span.start) * scale);
  };
  return plan.spans.find(inside) ?? null;
}

// Outline of a span: pointed where its strand points, blunt where it has none.
function arrow(left, right, top, height, strand) {
  const tip = Math.min(ARROW, (right - left) / 2);
  const [middle, bottom] = [top + height / 2, top + height];
  if (strand === "+") return [[left, top], [right - tip, top], [right, middle], [right - tip, bottom], [left, bottom]];
  if (strand === "-") return [[right, top], [left + tip, top], [left, middle], [left + tip, bottom], [right, bottom]];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

function drawTrack(drawing, track, [low, high]) {
  const { pen, state, plan, theme, scale, at } = drawing;
  const { x, width } = plan.plot;
  const { sequence, view } = state;
  const unit = track.height / (high - low);
  const zero = track.y + high * unit;
  const middle = Math.min(Math.max(zero - 16, track.y + 16), track.y + track.height - 16);
  label(drawing, track.name, middle, { size: 12, weight: 600, fill: theme.ink });
  if (track.detail) label(drawing, track.detail, middle + 15, { size: 10.5 });
  pen.inside(x, track.y, width, track.height, () => {
    for (const [start, end] of state.truth ?? []) {
      pen.rect(at(start), track.y, at(end) - at(start), track.height, theme.truth, 0.09);
    }
    const from = Math.floor(view.from) - sequence.start;
    const to = Math.min(sequence.letters.length, Math.ceil(view.to) - sequence.start);
    if (scale < LETTERS_FROM) {
      const whole = { from: view.from - sequence.start, to: view.to - sequence.start };
      const colour = (i) => (scale < BARS_FROM ? theme.bar : theme[base(sequence.letters[i])]);
      drawBars(pen, track.values, { x, y: track.y, width, height: track.height, ...whole, heights: [low, high], colour });
      return;
    }
    const least = 0.4 / unit;
    for (let i = Math.max(0, from); i < to; i += 1) {
      const value = track.values[i];
      if (Math.abs(value) < least) continue;
      const name = base(sequence.letters[i]);
      const tall = Math.abs(value) * unit;
      const top = value > 0 ? zero - tall : zero;
      pen.letter(name, at(sequence.start + i) + 0.04 * scale, top, 0.92 * scale, tall, theme[name]);
    }
  });
  pen.line(x, zero, x + width, zero, theme.line);
}

// One bar a base, or a pixel where there are more bases than pixels: then the largest and the smallest value there.
function drawBars(pen, values, { x, y, width, height, from, to, heights: [low, high], colour }) {
  const scale = width / (to - from);
  const unit = height / (high - low);
  const zero = y + high * unit;
  const bar = (left, wide, value, i) => {
    const tall = Math.abs(value) * unit;
    if (tall >= 0.3) pen.rect(left, value > 0 ? zero - tall : zero, wide, tall, colour(i));
  };
  if (scale >= 1) {
    const last = Math.min(values.length, Math.ceil(to));
    const gap = scale > 2.5 ? 0.6 : 0;
    for (let i = Math.max(0, Math.floor(from)); i < last; i += 1) bar(x + (i - from) * scale + gap / 2, scale - gap, values[i], i);
    return;
  }
  for (let column = 0; column < width; column += 1) {
    const first = Math.max(0, Math.floor(from + column / scale));
    const last = Math.min(values.length, Math.max(first + 1, Math.ceil(from + (column + 1) / scale)));
    let [least, most] = [0, 0];
    for (let i = first; i < last; i += 1) {
      if (values[i] < least) least = values[i];
      if (values[i] > most) most = values[i];
    }
    bar(x + column, 1, most, first);
    bar(x + column, 1, least, first);
  }
}

function drawAxis({ pen, state, plan, theme, at, scale }) {
  const { y } = plan.parts.axis;
  const { x, width } = plan.plot;
  const { view } = state;
  const step = tickStep(view.bases, width / 80);
  pen.line(x, y + 2, x + width, y + 2, theme.line);
  for (let tick = Math.ceil(view.from / step) * step; tick < view.to; tick += step) {
    const middle = at(tick) + scale / 2;
    if (middle > x + width) break;
    pen.line(middle, y + 2, middle, y + 7, theme.quiet);
    const words = count(tick);
    const half = pen.width(words) / 2;
    if (middle - half > x - 20 && middle + half < x + width + EDGE) {
      pen.text(words, middle, y + 17, { fill: theme.quiet, align: "center" });
    }
  }
}

function drawCursor({ pen, state, plan, theme, scale, at }) {
  const left = at(state.cursor);
  if (left + scale < plan.plot.x || left > plan.plot.x + plan.plot.width) return;
  const top = plan.parts.overview.y + plan.parts.overview.height + 6;
  const wide = Math.max(scale, 2);
  pen.inside(plan.plot.x - 1, top, plan.plot.width + 2, plan.parts.axis.y - top + 6, () => {
    pen.rect(left, top, wide, plan.parts.axis.y - top, theme.accent, 0.14);
    pen.line(left, top, left, plan.parts.axis.y + 4, theme.accent, 1);
    pen.line(left + wide, top, left + wide, plan.parts.axis.y + 4, theme.accent, 1);
  });
}

// What a base is, in words; the tooltip and the screen reader say the same.
export function describe(state, position) {
  const { sequence, tracks, hits, truth } = state;
  const i = position - sequence.start;
  const letter = sequence.letters[i].toUpperCase();
  const over = hits.filter((hit) => hit.start <= position && position < hit.end);
  return {
    letter,
    values: tracks.map((track) => [[track.name, track.detail].filter(Boolean).join(", "), number(track.values[i], 3)]),
    hits: over.map((hit) => `${hit.name} hit, ${{ "+": "forward", "-": "reverse" }[hit.strand] ?? "no"} strand`),
    truth: (truth ?? []).some(([start, end]) => start <= position && position < end),
  };
}
