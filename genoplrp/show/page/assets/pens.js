// Two pens with the same strokes: one draws on a canvas, the other writes an SVG file. What is drawn is in track.js.

import { GLYPHS } from "./glyphs.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

export class CanvasPen {
  constructor(context) {
    this.context = context;
    this.paths = Object.fromEntries(Object.entries(GLYPHS).map(([letter, d]) => [letter, new Path2D(d)]));
  }

  rect(x, y, width, height, fill, opacity = 1) {
    this.context.globalAlpha = opacity;
    this.context.fillStyle = fill;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  line(x1, y1, x2, y2, stroke, width = 1, dash = []) {
    this.context.strokeStyle = stroke;
    this.context.lineWidth = width;
    this.context.setLineDash(dash);
    this.context.beginPath();
    this.context.moveTo(x1, y1);
    this.context.lineTo(x2, y2);
    this.context.stroke();
    this.context.setLineDash([]);
  }

  shape(points, { fill = null, stroke = null }) {
    this.context.beginPath();
    points.forEach(([x, y], i) => (i ? this.context.lineTo(x, y) : this.context.moveTo(x, y)));
    this.context.closePath();
    if (fill) {
      this.context.fillStyle = fill;
      this.context.fill();
    }
    if (stroke) {
      this.context.strokeStyle = stroke;
      this.context.lineWidth = 1.5;
      this.context.stroke();
    }
  }

  letter(name, x, y, width, height, fill) {
    this.context.save();
    this.context.translate(x, y);
    this.context.scale(width, height);
    this.context.fillStyle = fill;
    this.context.fill(this.paths[name]);
    this.context.restore();
  }

  text(words, x, y, { fill, size = 11, align = "start", weight = 400 }) {
    this.context.font = `${weight} ${size}px ${FONT}`;
    this.context.textAlign = align;
    this.context.textBaseline = "middle";
    this.context.fillStyle = fill;
    this.context.fillText(words, x, y);
  }

  width(words, size = 11, weight = 400) {
    this.context.font = `${weight} ${size}px ${FONT}`;
    return this.context.measureText(words).width;
  }

  inside(x, y, width, height, draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(x, y, width, height);
    this.context.clip();
    draw();
    this.context.restore();
  }
}

const ANCHORS = { start: "start", center: "middle", end: "end" };
const short = (number) => String(Math.round(number * 100) / 100);
const exact = (number) => String(Math.round(number * 10000) / 10000);

// Text as it may stand in XML: what XML forbids is left out, what it gives a meaning is escaped.
export function xml(text) {
  const allowed = [...text].filter((sign) => sign >= " " && sign !== "\ufffe" && sign !== "\uffff").join("");
  return allowed.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

export class SvgPen {
  constructor(ruler) {
    this.ruler = ruler; // a canvas pen, which knows how wide words are
    this.parts = [];
    this.clips = 0;
  }

  rect(x, y, width, height, fill, opacity = 1) {
    const faint = opacity < 1 ? ` fill-opacity="${opacity}"` : "";
    this.parts.push(
      `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${fill}"${faint}/>`,
    );
  }

  line(x1, y1, x2, y2, stroke, width = 1, dash = []) {
    const dashes = dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
    this.parts.push(
      `<path d="M${short(x1)} ${short(y1)}L${short(x2)} ${short(y2)}" stroke="${stroke}" stroke-width="${width}"${dashes}/>`,
    );
  }

  shape(points, { fill = null, stroke = null }) {
    const d = points.map(([x, y], i) => `${i ? "L" : "M"}${short(x)} ${short(y)}`).join("");
    const edge = stroke ? ` stroke="${stroke}" stroke-width="1.5"` : "";
    this.parts.push(`<path d="${d}Z" fill="${fill ?? "none"}"${edge}/>`);
  }

  letter(name, x, y, width, height, fill) {
    const place = [width, 0, 0, height, x, y].map(exact).join(" ");
    this.parts.push(`<path class="letter ${name}" d="${GLYPHS[name]}" fill="${fill}" transform="matrix(${place})"/>`);
  }

  text(words, x, y, { fill, size = 11, align = "start", weight = 400 }) {
    const place = `x="${short(x)}" y="${short(y)}" text-anchor="${ANCHORS[align]}" dominant-baseline="central"`;
    this.parts.push(`<text ${place} font-size="${size}" font-weight="${weight}" fill="${fill}">${xml(words)}</text>`);
  }

  width(words, size = 11, weight = 400) {
    return this.ruler.width(words, size, weight);
  }

  inside(x, y, width, height, draw) {
    const id = `inside${(this.clips += 1)}`;
    const box = `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
    this.parts.push(`<clipPath id="${id}"><rect ${box}/></clipPath><g clip-path="url(#${id})">`);
    draw();
    this.parts.push("</g>");
  }

  file(width, height, title) {
    const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
    const font = `font-family="${xml(FONT)}" fill="none"`;
    return `${head} ${font}>\n<title>${xml(title)}</title>\n${this.parts.join("\n")}\n</svg>\n`;
  }
}
