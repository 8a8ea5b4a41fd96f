// The maps of an explanation: 16-bit numbers in base64, runs of zeros counted. The writer is encode.py.

const RUN = -32768;
const known = new WeakMap();

// One Float32Array a setting, each with a number a base.
export function mapsOf(explained, length) {
  if (!known.has(explained)) known.set(explained, decoded(explained, length));
  return known.get(explained);
}

function decoded({ steps, maps }, length) {
  const bytes = Uint8Array.from(atob(maps), (sign) => sign.charCodeAt(0));
  const stream = new DataView(bytes.buffer);
  let at = 0;
  const next = () => {
    at += 2;
    return stream.getInt16(at - 2, true);
  };
  return steps.map((step) => {
    const values = new Float32Array(length);
    for (let i = 0; i < length; ) {
      const value = next();
      if (value === RUN) i += next();
      else values[i++] = value * step;
    }
    return values;
  });
}
