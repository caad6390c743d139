// Sends one picture to Whatsit and shows its label. The page and /api/ must have the same address (scheme, host, port):
// Whatsit sends no CORS headers, so a browser keeps its answers from pages of other sites. serve.py shows how.

const input = document.querySelector("input[type=file]");
const status = document.querySelector("[role=status]");

input.addEventListener("change", async () => {
  if (!input.files.length) return;
  status.textContent = "…";
  try {
    status.textContent = await ask(input.files[0]);
  } catch (problem) {
    status.textContent = problem.message;
  }
});

async function ask(file) {
  const form = new FormData();
  form.append("file", file);
  const response = await fetch("/api/v1/images?wait=30", {
    method: "POST",
    headers: { "Idempotency-Key": crypto.getRandomValues(new Uint8Array(16)).join("-") },
    body: form,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  const prediction = answer.images[0].prediction;
  return prediction?.label ?? "No answer yet. Choose the picture again in a moment.";
}
