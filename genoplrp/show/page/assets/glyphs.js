// The letters of a logo, as outlines that fill the unit square from (0, 0), top left, to (1, 1). One set for the screen
// and for SVG files, so that both agree. Outlines: DejaVu Sans Bold, as in matplotlib's and logomaker's logos.

export const GLYPHS = {
  A: "M.693 .818L.308 .818L.247 1L0 1L.353 0L.647 0L1 1L.753 1ZM.369 .632L.631 .632L.5 .234Z",
  C:
    "M1 .928Q.916 .964 .826 .982Q.735 1 .637 1Q.343 1 .172 .865Q0 .731 0 .5Q0 .269 .172 .135Q.343 0 .637 0" +
    "Q.735 0 .826 .018Q.916 .036 1 .072L1 .271Q.916 .224 .834 .202Q.752 .18 .661 .18Q.499 .18 .406 .265" +
    "Q.313 .351 .313 .5Q.313 .649 .406 .735Q.499 .82 .661 .82Q.752 .82 .834 .798Q.916 .776 1 .729Z",
  G:
    "M1 .91Q.899 .955 .791 .977Q.682 1 .567 1Q.305 1 .153 .865Q0 .731 0 .5Q0 .267 .155 .134Q.311 0 .581 0" +
    "Q.686 0 .781 .018Q.877 .036 .961 .072L.961 .271Q.874 .225 .788 .203Q.701 .18 .614 .18Q.453 .18 .366 .263" +
    "Q.279 .346 .279 .5Q.279 .653 .363 .737Q.447 .82 .602 .82Q.644 .82 .68 .815Q.716 .81 .745 .8" +
    "L.745 .613L.58 .613L.58 .446L1 .446Z",
  T: "M0 0L1 0L1 .195L.64 .195L.64 1L.36 1L.36 .195L0 .195Z",
  N: "M0 0L.321 0L.727 .686L.727 0L1 0L1 1L.679 1L.273 .314L.273 1L0 1Z",
};

export const BASES = "ACGT";

// What a letter of a sequence is drawn as: RNA's U as T, every ambiguous letter as N.
export function base(letter) {
  const upper = letter.toUpperCase();
  if (upper === "U") return "T";
  return BASES.includes(upper) ? upper : "N";
}

const PAIRS = { A: "T", C: "G", G: "C", T: "A", U: "A" };

export function reverseComplement(letters) {
  return [...letters.toUpperCase()].reverse().map((letter) => PAIRS[letter] ?? letter).join("");
}
