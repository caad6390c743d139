/** Puts files into one ZIP without compressing them (pictures hardly shrink) and without holding more than a part of it.
 *  Not as one Blob: with 66,000 files Chromium takes a minute to make that. Format: APPNOTE.TXT 6.3 with ZIP64. */

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
const READ_AHEAD = 8;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const FAR_BYTES = 12;

/** The CRC-32 of ISO 3309 of some bytes, or of bytes that go on after those of `before`. */
export function crc32(bytes, before = 0) {
  let value = ~before;
  for (const byte of bytes) {
    value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  }
  return ~value >>> 0;
}

/** A ZIP on its way: its size is known at once, its bytes are made while they are sent. */
export class ZipStream {
  /** @param {{name: string, file: Blob}[]} entries names with `/` */
  constructor(entries) {
    this.entries = entries.map(({ name, file }) => ({ name: new TextEncoder().encode(name), file }));
    let offset = 0;
    let directory = 0;
    for (const { name, file } of this.entries) {
      directory += CENTRAL_BYTES + name.length + (offset >= MOST_32 ? FAR_BYTES : 0);
      offset += LOCAL_BYTES + name.length + file.size;
    }
    this.size = ending(entries.length, directory, offset).reduce((total, { length }) => total + length, offset + directory);
  }

  /** Pieces of exactly `bytes`, the last one shorter. Each file is read once, a few ahead; rejects where one cannot be read. */
  async *parts(bytes) {
    let part = new Uint8Array(bytes);
    let filled = 0;
    for await (const piece of this.pieces()) {
      for (let start = 0; start < piece.length; ) {
        const taken = piece.subarray(start, start + bytes - filled);
        part.set(taken, filled);
        start += taken.length;
        filled += taken.length;
        if (filled === bytes) {
          yield part;
          part = new Uint8Array(bytes);
          filled = 0;
        }
      }
    }
    if (filled) {
      yield part.subarray(0, filled);
    }
  }

  async *pieces() {
    const directory = [];
    let offset = 0;
    let index = 0;
    for await (const content of readAhead(this.entries)) {
      const { name } = this.entries[index];
      const sum = crc32(content);
      const header = localHeader(name, sum, content.length);
      directory.push(centralHeader(name, sum, content.length, offset));
      offset += header.length + content.length;
      index += 1;
      yield header;
      yield content;
    }
    yield* directory;
    yield* ending(directory.length, directory.reduce((total, { length }) => total + length, 0), offset);
  }
}

async function* readAhead(entries) {
  const reading = [];
  let next = 0;
  for (const { file } of entries) {
    while (next < entries.length && reading.length < READ_AHEAD) {
      const read = entries[next].file.arrayBuffer();
      read.catch(() => {}); // told when its turn comes
      reading.push(read);
      next += 1;
    }
    const content = new Uint8Array(await reading.shift());
    if (content.length !== file.size) {
      throw new Error("A file changed while it was read.");
    }
    yield content;
  }
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
