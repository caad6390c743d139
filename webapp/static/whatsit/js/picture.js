/** Making one picture small enough to send. Runs in a worker, or on the page where workers cannot draw. */

const LONGEST_SIDE = 1024;
const SMALL_BYTES = 300_000;
const THUMBNAIL_SIDE = 192;
const JPEG_QUALITY = 0.9;

/**
 * What to send instead of the file, and a small preview; the file itself when it is small already.
 * Throws when the browser cannot open the picture: the caller then sends the file as it is.
 * @param {Blob} file
 * @returns {Promise<{blob: Blob, thumbnail: Blob | null}>}
 */
export async function shrinkPicture(file) {
  const kind = await kindOf(file);
  if (kind === null) {
    return { blob: file, thumbnail: null };
  }
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    return await shrinkBitmap(file, kind, bitmap);
  } finally {
    bitmap.close();
  }
}

async function shrinkBitmap(file, kind, bitmap) {
  const longest = Math.max(bitmap.width, bitmap.height);
  if (longest <= LONGEST_SIDE && file.size <= SMALL_BYTES) {
    return { blob: file, thumbnail: null };
  }
  if (!canvasTellsTheTruth()) {
    return { blob: file, thumbnail: null };
  }
  const canvas = draw(bitmap, Math.min(1, LONGEST_SIDE / longest));
  const keepsAlpha = kind !== "jpeg" && hasTransparency(canvas);
  const drawn = keepsAlpha
    ? await encode(canvas, "image/png")
    : await encode(canvas, "image/jpeg", JPEG_QUALITY);
  const thumbnail = await encode(draw(canvas, Math.min(1, THUMBNAIL_SIDE / longest)), drawn.type, 0.8);
  const isWorthIt = longest > LONGEST_SIDE || drawn.size < file.size;
  return { blob: isWorthIt ? drawn : file, thumbnail };
}

/** "jpeg", "png", "webp" by the first bytes, else null: other files go out untouched and the site says what it thinks. */
async function kindOf(file) {
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (text.startsWith("\xff\xd8\xff")) {
    return "jpeg";
  }
  if (text.startsWith("\x89PNG\r\n\x1a\n")) {
    return "png";
  }
  return text.startsWith("RIFF") && text.slice(8) === "WEBP" ? "webp" : null;
}

function draw(source, scale) {
  const canvas = makeCanvas(
    Math.max(1, Math.round(source.width * scale)),
    Math.max(1, Math.round(source.height * scale)),
  );
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function hasTransparency(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let alpha = 3; alpha < data.length; alpha += 4) {
    if (data[alpha] < 255) {
      return true;
    }
  }
  return false;
}

/** Browsers that resist fingerprinting answer with noise when a canvas is read; then nothing may be redrawn. */
function canvasTellsTheTruth() {
  const context = makeCanvas(8, 8).getContext("2d");
  context.fillStyle = "rgb(12, 130, 240)";
  context.fillRect(0, 0, 8, 8);
  const { data } = context.getImageData(0, 0, 8, 8);
  return data.every((value, index) => value === [12, 130, 240, 255][index % 4]);
}

function makeCanvas(width, height) {
  if (typeof OffscreenCanvas === "function") {
    return new OffscreenCanvas(width, height);
  }
  return Object.assign(document.createElement("canvas"), { width, height });
}

async function encode(canvas, type, quality) {
  const blob = canvas.convertToBlob
    ? await canvas.convertToBlob({ type, quality })
    : await new Promise((resolve) => canvas.toBlob(resolve, type, quality));
  if (!blob || blob.type !== type) {
    throw new Error(`This browser cannot write ${type}.`);
  }
  return blob;
}
