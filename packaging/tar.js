/** Writes tar archives (ustar). The same entries give the same bytes: times and owners are zero. */

/** A tar archive of entries: `name`, and `bytes` of a file, or no bytes for a folder whose name ends with `/`. */
export function tarOf(entries) {
  const parts = [];
  for (const { name, bytes = Buffer.alloc(0), mode = 0o644 } of entries) {
    parts.push(headOf(name, bytes.length, mode), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function headOf(name, size, mode) {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name}: longer than 100 bytes`);
  const head = Buffer.alloc(512);
  const octal = (value, at, length) => head.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  head.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  head.write(name.endsWith("/") ? "5" : "0", 156, "latin1");
  head.write("ustar\x0000", 257, "latin1");
  // The checksum is taken with spaces in its place.
  head.fill(" ", 148, 156);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return head;
}
