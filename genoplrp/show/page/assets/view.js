// The stretch of a sequence that a panel shows, in bases of the record; fractions of a base are allowed.

const LEAST = 8;

export class View {
  constructor(start, end) {
    this.start = start;
    this.end = end;
    this.from = start;
    this.to = end;
  }

  get bases() {
    return this.to - this.from;
  }

  get whole() {
    return this.bases >= this.end - this.start;
  }

  // Show from `from` to `to`, moved and cut so that nothing beyond the sequence is seen.
  show(from, to) {
    const most = this.end - this.start;
    const bases = Math.min(most, Math.max(Math.min(LEAST, most), to - from));
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(this.start, middle - bases / 2), this.end - bases);
    this.to = this.from + bases;
  }

  // Show `factor` times as many bases; the base `about` stays where it is.
  zoom(factor, about = (this.from + this.to) / 2) {
    const most = this.end - this.start;
    const bases = Math.min(most, Math.max(Math.min(LEAST, most), this.bases * factor));
    const from = about - ((about - this.from) / this.bases) * bases;
    this.show(from, from + bases);
  }

  move(bases) {
    this.show(this.from + bases, this.to + bases);
  }

  // Move no further than it takes to see `position`.
  reach(position) {
    const margin = Math.min(3, this.bases / 4);
    if (position - margin < this.from) this.move(position - margin - this.from);
    else if (position + 1 + margin > this.to) this.move(position + 1 + margin - this.to);
  }
}
