// What comes from the server: a header, and numbers of half or whole precision behind it.

const HALF = (() => {
  const table = new Float32Array(65536);
  for (let u = 0; u < 65536; u++) {
    const sign = u >> 15 ? -1 : 1,
      exponent = (u >> 10) & 31,
      fraction = u & 1023;
    if (exponent === 31) table[u] = fraction ? NaN : sign * Infinity;
    else table[u] = exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * fraction * 2 ** -24;
  }
  return table;
})();

export function decodeHalf(buffer, [offset, length]) {
  const codes = new Uint16Array(buffer, offset, length),
    numbers = new Float32Array(length);
  for (let i = 0; i < length; i++) numbers[i] = HALF[codes[i]];
  return numbers;
}

// bytes: [header length, uint32][header JSON, padded to 8][arrays]. Offsets in the header count from the arrays' start.
// `arrays` copies them, up to 40 MB, so that they begin where numbers may be read: only for a view that is made.
export function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, arrays: () => bytes.slice(4 + length).buffer };
}
