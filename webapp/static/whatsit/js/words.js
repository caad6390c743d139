/** Every number and sentence the page makes itself. The server's own sentences are shown as they come. */

const THIN = "\u00a0";

/** 0.974 → "97 %"; no answer is claimed to be certain or impossible. */
export function share(probability) {
  if (probability < 0.005) {
    return `<${THIN}1${THIN}%`;
  }
  if (probability > 0.995) {
    return `>${THIN}99${THIN}%`;
  }
  return `${Math.round(probability * 100)}${THIN}%`;
}

export function fileSize(bytes) {
  if (bytes < 1_000_000) {
    return `${Math.max(1, Math.round(bytes / 1000))}${THIN}KB`;
  }
  const megabytes = bytes / 1_000_000;
  return `${megabytes.toFixed(megabytes < 10 ? 1 : 0).replace(/\.0$/, "")}${THIN}MB`;
}

export function duration(seconds) {
  if (seconds < 0.05) {
    return `under 0.1${THIN}s`;
  }
  if (seconds < 10) {
    return `${seconds.toFixed(1)}${THIN}s`;
  }
  return seconds < 90 ? `${Math.round(seconds)}${THIN}s` : `${Math.round(seconds / 60)}${THIN}min`;
}

export function pictures(count) {
  return count === 1 ? "1 picture" : `${count} pictures`;
}

export function tooLarge(file, maxBytes) {
  return `This file has ${fileSize(file.size)}; at most ${fileSize(maxBytes)} can be sent. Make it smaller, or save it as JPEG.`;
}

/** "Not sure: Shirt 48 % or Coat 41 %"; the second is named only when it is a real rival. */
export function unsureSentence(prediction) {
  const [first, second] = prediction.scores;
  const guess = `${first.label} ${share(first.score)}`;
  if (prediction.unfamiliar) {
    return `Not sure: unlike the pictures it learned from. Perhaps ${guess}`;
  }
  const isRival = second && second.score >= 0.1;
  return isRival ? `Not sure: ${guess} or ${second.label} ${share(second.score)}` : `Not sure: perhaps ${guess}`;
}

export function failureSentence(prediction) {
  return prediction?.failure?.message || "No answer came: something went wrong while looking at this picture.";
}

const NOTES = {
  first_frame_used: "only the first frame was looked at",
};

/** Under an answer: what the file is called, who answered, how long it took. */
export function answerDetails(image, { name, classifierName, isDuplicate }) {
  const parts = [name];
  if (classifierName) {
    parts.push(classifierName);
  }
  const prediction = image.prediction;
  if (prediction?.model) {
    parts.push(`model${THIN}v${prediction.model.version}`);
  }
  if (prediction?.done_at) {
    const seconds = (Date.parse(prediction.done_at) - Date.parse(prediction.queued_at)) / 1000;
    parts.push(duration(Math.max(0, seconds)));
  }
  if (isDuplicate) {
    parts.push("sent before");
  }
  for (const note of image.notes ?? []) {
    if (NOTES[note]) {
      parts.push(NOTES[note]);
    }
  }
  return parts.join(" · ");
}

/** What is read aloud when an answer arrives. */
export function spokenAnswer(image, name) {
  const prediction = image.prediction;
  if (image.state === "failed") {
    return `${name}: ${failureSentence(prediction)}`;
  }
  if (prediction.unsure || prediction.unfamiliar) {
    return `${name}: ${unsureSentence(prediction)}.`;
  }
  const [first] = prediction.scores;
  return `${name}: ${first.label}, ${share(first.score)}.`;
}

/** Sentences for answers that carry none, by HTTP status. */
export function refusalFor(status) {
  if (status === 413) {
    return "This file is too large. Make it smaller, or save it as JPEG, and send it again.";
  }
  if (status === 401 || status === 403) {
    return "You may not send pictures here. Log in and try again.";
  }
  return "The site did not take this picture. Try again; if it goes on, tell the person who runs this site.";
}
