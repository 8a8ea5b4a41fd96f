// Elements made from names, attributes and children. Text only ever enters the document as text: no markup in a
// sequence's name can become part of the page.

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

let serial = 0;

// An id that no other viewer on the page has.
export function freshId(stem) {
  serial += 1;
  return `plrp-${stem}-${serial}`;
}

// Choices of which one holds, as radio buttons: the browser brings their keyboard and their roles along.
export function choices(legend, options, chosen, onchoose) {
  const name = freshId("choice");
  const inputs = options.map(([value, ...content]) => {
    const input = el("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchoose(value) });
    return el("label", { class: "choice" }, input, el("span", {}, ...content));
  });
  return el("fieldset", { class: "choices" }, el("legend", { class: "unseen" }, legend), ...inputs);
}

export const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
