// How numbers and places are written for people.

const MINUS = "\u2212";

export function number(value, digits = 2) {
  if (value === null || Number.isNaN(value)) return "\u2013";
  return value.toFixed(digits).replace("-", MINUS);
}

export function percent(share, digits = 0) {
  return share === null || Number.isNaN(share) ? "\u2013" : `${number(100 * share, digits)}\u00a0%`;
}

export const count = (whole) => whole.toLocaleString("en-US");

export const many = (whole, one, several = `${one}s`) => `${count(whole)} ${whole === 1 ? one : several}`;

// The logistic function of a score, without overflow.
export const probability = (score) => (score === null ? null : 1 / (1 + Math.exp(-Math.max(score, -700))));

export function chance(score) {
  const share = probability(score);
  if (share === null) return "\u2013";
  if (share > 0.999) return "> 99.9\u00a0%";
  return share < 0.001 ? "< 0.1\u00a0%" : percent(share, 1);
}

// 0-based half-open interval of the genome that start to end of a record's forward or reverse strand is.
export function genome(sequence, start, end) {
  if (!sequence.locus) return null;
  const [chrom, origin, strand] = sequence.locus;
  if (strand === "-") return [chrom, origin + sequence.length - end, origin + sequence.length - start];
  return [chrom, origin + start, origin + end];
}

// The same as genome browsers write it, 1-based and inclusive.
export function browserPlace(sequence, start, end) {
  const place = genome(sequence, start, end);
  if (!place) return null;
  const [chrom, first, last] = place;
  return last - first === 1 ? `${chrom}:${count(last)}` : `${chrom}:${count(first + 1)}-${count(last)}`;
}
