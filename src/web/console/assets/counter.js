// The cashier's hands: begins, cancels, completes and refunds payments, gives the store a picture of the customer's code, and
// lets the outcome be heard. What is shown comes from the store, see live.js.

import { csrf, query, refresh, wordsOf } from "./live.js";

const panel = document.getElementById("panel");
const refusal = document.getElementById("refusal");
const kept = sessionStorage;

/** Tones of each outcome: hertz, and how long, seconds. */
const TONES = {
  success: [[880, 0.12], [1320, 0.25]],
  failure: [[330, 0.2], [220, 0.35]],
  attention: [[660, 0.15], [660, 0.15]],
};

// ---- what is asked of the store

/** A key is made and kept before it is sent, so that asking again after a lost answer asks for the same thing. */
function keyFor(request) {
  const pending = JSON.parse(kept.getItem("pending") ?? "{}");
  if (pending.request === request) return pending.key;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  kept.setItem("pending", JSON.stringify({ request, key }));
  return key;
}

async function ask(path, body, options = {}) {
  const request = `${path} ${body ?? ""}`;
  const headers = { accept: "application/json", "x-csrf-token": csrf, ...options.headers };
  if (options.once) headers["idempotency-key"] = keyFor(request);
  refusal.hidden = true;
  try {
    const answer = await fetch(path, { method: "POST", headers, body });
    if (answer.status < 500) kept.removeItem("pending");
    if (!answer.ok) refuse(await answer.json());
    return answer.ok;
  } catch {
    refuse(null);
    return false;
  } finally {
    refresh();
  }
}

function refuse(problem) {
  refusal.textContent = wordsOf(problem);
  refusal.hidden = false;
}

const json = { headers: { "content-type": "application/json" }, once: true };

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.matches("[data-take]")) {
    event.preventDefault();
    const reference = form.reference.value.trim();
    const body = {
      counter: panel.dataset.counter,
      amount: form.amount.value,
      currency: panel.dataset.currency,
      tender: event.submitter?.value ?? form.querySelector("button[name=tender]:enabled")?.value,
      ...(reference && { reference }),
      ...(event.submitter?.matches("[data-hold]") && { pre_authorise: true }),
    };
    // off the form, which gives way to the payment
    if (await ask("/v1/payments", JSON.stringify(body), json)) document.activeElement.blur();
  } else if (form.matches("[data-complete]")) {
    event.preventDefault();
    const path = `/v1/payments/${form.dataset.complete}/completion`;
    if (await ask(path, JSON.stringify({ amount: form.amount.value }), json)) document.activeElement.blur();
  } else if (form.matches("[data-refund]")) {
    event.preventDefault();
    const reason = form.reason.value.trim();
    const body = JSON.stringify({ amount: form.amount.value, ...(reason && { reason }) });
    const approval = await approvalOf(form.amount.value);
    if (approval === null) return;
    const headers = { ...json.headers, ...(approval && { "x-approval": approval }) };
    const path = `/v1/payments/${form.dataset.refund}/refunds`;
    if (await ask(path, body, { ...json, headers })) document.activeElement.blur();
  }
});

/** A supervisor's word for this amount: "" where nobody has to give one, null where nobody did. */
function approvalOf(amount) {
  const dialog = document.getElementById("approval");
  if (!dialog) return "";
  const form = dialog.querySelector("form");
  const refused = dialog.querySelector("[data-refused]");
  form.reset();
  refused.hidden = true;
  dialog.querySelector("[data-amount]").textContent = amount;
  dialog.showModal();
  return new Promise((decided) => {
    dialog.onclose = () => decided(null);
    dialog.querySelector("[data-close]").onclick = () => dialog.close();
    form.onsubmit = async (event) => {
      event.preventDefault();
      const body = { payment: dialog.dataset.payment, amount, name: form.elements.name.value, secret: form.elements.secret.value };
      form.elements.secret.value = "";
      const headers = { ...json.headers, accept: "application/json", "x-csrf-token": csrf };
      const answer = await fetch("/v1/approvals", { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
      const said = await answer?.json().catch(() => null);
      if (answer?.ok) {
        decided(said.approval);
        return dialog.close();
      }
      refused.textContent = wordsOf(said);
      refused.hidden = false;
      form.elements.secret.focus();
    };
  });
}

document.addEventListener("click", (event) => {
  const cancel = event.target.closest("[data-cancel]");
  const next = event.target.closest("[data-next]");
  if (cancel) ask(`/v1/payments/${cancel.dataset.cancel}/cancel`);
  if (next) {
    kept.setItem("seen", next.dataset.next);
    query.set("seen", next.dataset.next);
    refresh();
  }
});

document.addEventListener("change", (event) => {
  const picture = event.target.closest("[data-picture]")?.files[0];
  if (picture) ask(`/v1/counters/${panel.dataset.counter}/scan-image`, picture, { headers: { "content-type": picture.type } });
});

// ---- what is shown

if (panel) {
  if (kept.getItem("seen")) query.set("seen", kept.getItem("seen"));
  panel.addEventListener("shown", shown);
  setInterval(count, 500);
  shown();
}

function shown() {
  panel.querySelector("[autofocus]")?.focus();
  count();
  const payment = panel.querySelector("[data-payment]");
  if (!payment?.dataset.sound) return;
  // each outcome is heard once, also over a reload
  const outcome = `${payment.dataset.payment} ${payment.dataset.state}`;
  if (kept.getItem("heard") === outcome) return;
  kept.setItem("heard", outcome);
  sound(payment.dataset.sound);
  if (payment.dataset.speech && "speechSynthesis" in window) {
    const speech = new SpeechSynthesisUtterance(payment.dataset.speech);
    speech.lang = document.documentElement.lang;
    speechSynthesis.speak(speech);
  }
}

function count() {
  const now = Date.now();
  for (const bar of panel.querySelectorAll("progress[data-until]")) {
    const [from, until] = [Number(bar.dataset.from), Number(bar.dataset.until)];
    bar.value = Math.max(0, Math.min(1, (until - now) / (until - from)));
  }
  for (const text of panel.querySelectorAll("[data-seconds]")) {
    text.textContent = `${Math.max(0, Math.ceil((Number(text.dataset.seconds) - now) / 1000))} s`;
  }
}

function sound(name) {
  const audio = new AudioContext();
  document.documentElement.dataset.heard = name;
  let at = audio.currentTime;
  for (const [hertz, seconds] of TONES[name] ?? []) {
    const tone = new OscillatorNode(audio, { frequency: hertz });
    const volume = new GainNode(audio, { gain: 0.25 });
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + seconds);
    at += seconds + 0.04;
  }
  setTimeout(() => audio.close(), 2_000);
}
