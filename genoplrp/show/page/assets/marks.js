// What is reckoned from maps and spans before anything is drawn.

// Share of the positive relevance that lies in spans, RMA; NaN without a span or without positive relevance.
export function shareInside(values, spans, start) {
  if (!spans || !spans.length) return NaN;
  const inside = new Uint8Array(values.length);
  for (const [from, to] of spans) inside.fill(1, Math.max(0, from - start), Math.max(0, to - start));
  let total = 0;
  let within = 0;
  values.forEach((value, i) => {
    if (value > 0) {
      total += value;
      if (inside[i]) within += value;
    }
  });
  return total > 0 ? within / total : NaN;
}

// All hits of a sequence, each with the explanation that it belongs to.
export function allHits(sequence) {
  return sequence.explained.flatMap((explained) =>
    explained.hits.map(([start, end, name, strand, share]) => ({ start, end, name, strand, share, explained })),
  );
}

// Rows in which spans do not overlap, each span in the first row that has room; `gap` bases stay free between two.
export function rows(spans, gap) {
  const ends = [];
  return [...spans]
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .map((span) => {
      let row = ends.findIndex((end) => end + gap <= span.start);
      if (row < 0) row = ends.push(0) - 1;
      ends[row] = span.end;
      return { ...span, row };
    });
}

// Round distances between ticks such that about `wanted` of them fit.
export function tickStep(bases, wanted) {
  const rough = Math.max(1, bases / Math.max(1, wanted));
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

// Smallest and largest value of maps; never an empty range.
export function range(maps) {
  let low = 0;
  let high = 0;
  for (const values of maps) {
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return high > low ? [low, high] : [0, 1];
}

// Where to look first: the best hit of an explanation and the hits that fit beside it, or the highest relevance.
export function focus(explained, values, start, room) {
  const hits = [...explained.hits].sort((a, b) => b[4] - a[4]);
  if (!hits.length) {
    const top = start + values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
    return [top - room / 2, top + room / 2];
  }
  let [from, to] = hits[0];
  for (const [first, last] of hits.slice(1)) {
    if (Math.max(to, last) - Math.min(from, first) <= room * 0.9) {
      from = Math.min(from, first);
      to = Math.max(to, last);
    }
  }
  const middle = (from + to) / 2;
  return [middle - room / 2, middle + room / 2];
}
