// The panel that a sequence is looked at in: draws the track, and moves it by pointer, wheel, pinch and keys.

import { calm, el } from "./dom.js";
import { CanvasPen, SvgPen } from "./pens.js";
import { Tooltip } from "./tooltip.js";
import { draw, hitAt, layout } from "./track.js";

const COLOURS = ["A", "C", "G", "T", "N", "ink", "quiet", "line", "accent", "onaccent", "truth", "card", "page", "bar"];
export const ZOOM = 1.5;
const SECONDS = 0.18;
const DESCRIPTION =
  "Left and right arrow walk along the bases and read them out, with shift by ten; " +
  "plus and minus zoom, 0 shows all, N and P go to the next and the previous hit.";

export class Panel {
  // `onhit` is called with a hit that is clicked, or gone to by key, and is to show it.
  constructor(onhit) {
    this.onhit = onhit;
    this.canvas = el("canvas", {
      class: "track", tabindex: "0", role: "application", "aria-roledescription": "sequence track",
      "aria-label": "Relevance of every base", "aria-description": DESCRIPTION,
    });
    this.tooltip = new Tooltip();
    this.node = el("div", { class: "panel" }, this.canvas, this.tooltip.node, this.tooltip.voice);
    this.pen = new CanvasPen(this.canvas.getContext("2d"));
    this.pointers = new Map();
    this.state = null;
    this.asked = 0;
    this.listen();
  }

  // `state`: sequence, explained, tracks, hits, truth, truthName, view, cursor; see track.js.
  set(state) {
    this.state = state;
    this.tooltip.hide();
    this.paint();
  }

  listen() {
    const on = (name, act, options) => this.canvas.addEventListener(name, act.bind(this), options);
    on("pointerdown", this.press);
    on("pointermove", this.drag);
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.pointers.delete(event.pointerId));
    on("pointerleave", (event) => event.pointerType === "touch" || this.pointers.size || this.tooltip.hide());
    on("wheel", this.roll, { passive: false });
    on("dblclick", (event) => this.zoom(1 / ZOOM / ZOOM, this.baseAt(event)));
    on("keydown", this.key);
    on("blur", () => this.tooltip.hide());
    new ResizeObserver(() => this.paint()).observe(this.node);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  // Draw once before the screen is shown next, however often asked.
  paint() {
    if (!this.asked) this.asked = requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    this.asked = 0;
    const width = this.node.clientWidth;
    if (!this.state || !width) return;
    const plan = layout(this.state, width);
    const sharp = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * sharp), Math.round(plan.height * sharp)];
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    this.canvas.style.height = `${plan.height}px`;
    this.pen.context.setTransform(sharp, 0, 0, sharp, 0, 0);
    this.pen.context.clearRect(0, 0, width, plan.height);
    draw(this.pen, this.state, plan, this.theme(), {});
    this.plan = plan;
    const { view } = this.state;
    Object.assign(this.canvas.dataset, { from: view.from.toFixed(2), to: view.to.toFixed(2), cursor: this.state.cursor ?? "" });
  }

  theme(node = this.node) {
    const style = getComputedStyle(node);
    return Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  // Colours for white paper.
  paper() {
    const sheet = el("div", { class: "plrp paper", hidden: true });
    this.node.append(sheet);
    const theme = this.theme(sheet);
    sheet.remove();
    return theme;
  }

  // What is seen, without overview and cursor, as the text of an SVG file.
  svg(title) {
    const theme = this.paper();
    const plan = layout(this.state, this.node.clientWidth);
    const pen = new SvgPen(this.pen);
    const cut = plan.parts.overview.height + 12;
    for (const part of [...Object.values(plan.parts).flat()]) part.y -= cut - 22;
    pen.text(title, plan.plot.x, 10, { fill: theme.ink, size: 12, weight: 600 });
    draw(pen, { ...this.state, cursor: null }, plan, theme, { overview: false });
    return pen.file(plan.width, plan.height - cut + 22, title);
  }

  // ---- from pixels to bases

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  baseAt(event) {
    const { view } = this.state;
    return view.from + ((this.place(event)[0] - this.plan.plot.x) / this.plan.plot.width) * view.bases;
  }

  inOverview(event) {
    const { y, height } = this.plan.parts.overview;
    return this.place(event)[1] <= y + height + 4;
  }

  // ---- changes of the view

  zoom(factor, about) {
    this.glide(() => this.state.view.zoom(factor, about));
  }

  goTo(from, to) {
    this.glide(() => this.state.view.show(from, to));
  }

  // Change the view at once, or in a short glide where the reader has nothing against motion; the change starts from
  // where an earlier glide was going.
  glide(change) {
    const { view } = this.state;
    this.tooltip.hide();
    const before = [view.from, view.to];
    this.land();
    change();
    const after = [view.from, view.to];
    if (calm()) return this.paint();
    const began = performance.now();
    const gliding = { view, after };
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / 1000 / SECONDS));
      const eased = 1 - (1 - t) ** 3;
      if (this.state.view !== view || this.gliding !== gliding) return;
      [view.from, view.to] = before.map((value, i) => value + (after[i] - value) * eased);
      this.paint();
      if (t < 1) requestAnimationFrame(step);
      else this.gliding = null;
    };
    this.gliding = gliding;
    requestAnimationFrame(step);
  }

  // End a glide where it was going.
  land() {
    const { gliding, state } = this;
    this.gliding = null;
    if (gliding?.view === state.view) [state.view.from, state.view.to] = gliding.after;
  }

  jump(direction) {
    this.land();
    this.paint();
    const { hits, view } = this.state;
    const middle = (view.from + view.to) / 2;
    const middles = hits.map((hit) => [(hit.start + hit.end) / 2, hit]).sort((a, b) => direction * (a[0] - b[0]));
    const here = this.state.cursor ?? middle;
    const [, hit] = middles.find(([place]) => direction * (place - here) > 0.6) ?? middles[0] ?? [];
    if (!hit) return;
    this.onhit(hit);
    this.state.cursor = Math.floor((hit.start + hit.end) / 2);
    this.tooltip.say(this.state, this.state.cursor);
  }

  // ---- pointer

  press(event) {
    this.gliding = null;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.byOverview = this.inOverview(event);
    if (this.byOverview) return this.follow(event);
    const hit = hitAt(this.state, this.plan, ...this.place(event));
    if (hit && hit.explained !== this.state.explained) this.onhit(hit);
    else this.point(event);
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.inOverview(event) ? this.tooltip.hide() : this.point(event);
    const others = [...this.pointers.values()].filter((other) => other.pointerId !== event.pointerId);
    this.pointers.set(event.pointerId, event);
    const { view } = this.state;
    if (this.byOverview) return this.follow(event);
    if (others.length) {
      const apart = (a) => Math.max(20, Math.abs(a.clientX - others[0].clientX));
      view.zoom(apart(before) / apart(event), this.baseAt(others[0]));
    } else {
      view.move(((before.clientX - event.clientX) / this.plan.plot.width) * view.bases);
    }
    this.tooltip.hide();
    this.paint();
  }

  follow(event) {
    const { view } = this.state;
    const share = (this.place(event)[0] - this.plan.plot.x) / this.plan.plot.width;
    const middle = view.start + share * (view.end - view.start);
    view.show(middle - view.bases / 2, middle + view.bases / 2);
    this.tooltip.hide();
    this.paint();
  }

  point(event) {
    const position = Math.floor(this.baseAt(event));
    const { view } = this.state;
    this.canvas.style.cursor = hitAt(this.state, this.plan, ...this.place(event)) ? "pointer" : "";
    if (position < view.from - 1 || position >= view.to || position < view.start) return this.tooltip.hide();
    this.tooltip.show(this.state, position, ...this.place(event), this.node.clientWidth);
  }

  roll(event) {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!event.ctrlKey && !event.metaKey && !sideways && !event.shiftKey) return;
    event.preventDefault();
    this.gliding = null;
    const { view } = this.state;
    if (event.ctrlKey || event.metaKey) view.zoom(Math.exp(event.deltaY * 0.01), this.baseAt(event));
    else view.move(((event.deltaX || event.deltaY) / this.plan.plot.width) * view.bases);
    this.tooltip.hide();
    this.paint();
  }

  // ---- keys

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { view } = this.state;
    const acts = {
      ArrowLeft: () => this.walk(event.shiftKey ? -10 : -1),
      ArrowRight: () => this.walk(event.shiftKey ? 10 : 1),
      Home: () => this.walk(-Infinity),
      End: () => this.walk(Infinity),
      "+": () => this.zoom(1 / ZOOM, this.state.cursor ?? undefined),
      "=": () => this.zoom(1 / ZOOM, this.state.cursor ?? undefined),
      "-": () => this.zoom(ZOOM, this.state.cursor ?? undefined),
      0: () => this.goTo(view.start, view.end),
      n: () => this.jump(1),
      p: () => this.jump(-1),
      Escape: () => this.stop(),
    };
    const act = acts[event.key] ?? acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  walk(bases) {
    this.land();
    const { view } = this.state;
    const first = this.state.cursor ?? Math.floor((view.from + view.to) / 2) - Math.sign(bases);
    this.state.cursor = Math.min(view.end - 1, Math.max(view.start, first + bases));
    view.reach(this.state.cursor);
    this.drawNow();
    const { plot, parts } = this.plan;
    const x = plot.x + ((this.state.cursor + 0.5 - view.from) / view.bases) * plot.width;
    this.tooltip.show(this.state, this.state.cursor, x, parts.tracks[0].y, this.node.clientWidth);
    this.tooltip.say(this.state, this.state.cursor);
  }

  stop() {
    this.state.cursor = null;
    this.tooltip.hide();
    this.paint();
  }
}


