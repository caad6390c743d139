/** Puts files into one ZIP without compressing them (pictures hardly shrink) and without holding them in memory:
 *  the result is a Blob that refers to the files. Format: APPNOTE.TXT 6.3, with its ZIP64 records where they are needed. */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return value;
});
const MOST_16 = 0xffff;
const MOST_32 = 0xffffffff;
const VERSION = 45;
const NAMES_IN_UTF_8 = 0x0800;
const DATE_1980 = 0x21;
const READ_AT_ONCE = 8;

/** The CRC-32 of ISO 3309 of some bytes, or of bytes that go on after those of `before`. */
export function crc32(bytes, before = 0) {
  let value = ~before;
  for (const byte of bytes) {
    value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  }
  return ~value >>> 0;
}

/**
 * @param {{name: string, file: Blob}[]} entries names with `/`
 * @param {{onProgress?: (done: number) => void, signal?: AbortSignal}} options
 * @returns {Promise<Blob>} rejects with what reading a file rejects with
 */
export async function packFiles(entries, { onProgress = () => {}, signal } = {}) {
  const sums = await sumFiles(entries, onProgress, signal);
  const parts = [];
  const directory = [];
  let offset = 0;
  entries.forEach(({ name, file }, index) => {
    const encoded = new TextEncoder().encode(name);
    const header = localHeader(encoded, sums[index], file.size);
    parts.push(header, file);
    directory.push(centralHeader(encoded, sums[index], file.size, offset));
    offset += header.length + file.size;
  });
  const directorySize = directory.reduce((total, header) => total + header.length, 0);
  return new Blob([...parts, ...directory, ...ending(entries.length, directorySize, offset)], { type: "application/zip" });
}

async function sumFiles(entries, onProgress, signal) {
  const sums = new Uint32Array(entries.length);
  let next = 0;
  let done = 0;
  async function work() {
    while (next < entries.length) {
      signal?.throwIfAborted();
      const index = next;
      next += 1;
      sums[index] = crc32(new Uint8Array(await entries[index].file.arrayBuffer()));
      done += 1;
      onProgress(done);
    }
  }
  await Promise.all(Array.from({ length: READ_AT_ONCE }, work));
  return sums;
}

function localHeader(name, sum, size) {
  return record([
    [4, 0x04034b50],
    ...commonFields(name, sum, size),
    [2, 0],
  ], name);
}

function centralHeader(name, sum, size, offset) {
  const isFar = offset >= MOST_32;
  const extra = isFar ? record([[2, 1], [2, 8], [8, offset]]) : new Uint8Array();
  return record([
    [4, 0x02014b50],
    [2, VERSION],
    ...commonFields(name, sum, size),
    [2, extra.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, isFar ? MOST_32 : offset],
  ], name, extra);
}

/** From the version up to the length of the name. */
function commonFields(name, sum, size) {
  return [[2, VERSION], [2, NAMES_IN_UTF_8], [2, 0], [2, 0], [2, DATE_1980], [4, sum], [4, size], [4, size], [2, name.length]];
}

function ending(count, size, offset) {
  const isLarge = count >= MOST_16 || size >= MOST_32 || offset >= MOST_32;
  const large = isLarge
    ? [
        record([[4, 0x06064b50], [8, 44], [2, VERSION], [2, VERSION], [4, 0], [4, 0], [8, count], [8, count], [8, size], [8, offset]]),
        record([[4, 0x07064b50], [4, 0], [8, offset + size], [4, 1]]),
      ]
    : [];
  const shown = Math.min(count, MOST_16);
  return [
    ...large,
    record([[4, 0x06054b50], [2, 0], [2, 0], [2, shown], [2, shown], [4, Math.min(size, MOST_32)], [4, Math.min(offset, MOST_32)], [2, 0]]),
  ];
}

/** Little-endian numbers of the given lengths, then bytes. */
function record(fields, ...tails) {
  const length = fields.reduce((total, [bytes]) => total + bytes, 0);
  const made = new Uint8Array(tails.reduce((total, tail) => total + tail.length, length));
  const view = new DataView(made.buffer);
  let place = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) {
      view.setUint16(place, value, true);
    } else if (bytes === 4) {
      view.setUint32(place, value, true);
    } else {
      view.setBigUint64(place, BigInt(value), true);
    }
    place += bytes;
  }
  for (const tail of tails) {
    made.set(tail, place);
    place += tail.length;
  }
  return made;
}
