// Forms that ask the store's API: what their fields say is sent as JSON, and the page is opened anew, or shows what
// was made.

import { csrf, wordsOf } from "./live.js";

const refusal = document.getElementById("refusal");

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.post) return;
  event.preventDefault();
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) return;
  refusal.hidden = true;
  try {
    const headers = { accept: "application/json", "content-type": "application/json", "x-csrf-token": csrf };
    const body = JSON.stringify(said(form, event.submitter));
    const answer = await fetch(form.dataset.post, { method: "POST", headers, body });
    if (!answer.ok) return refuse(await answer.json());
    if (!form.dataset.shows) return location.reload();
    const made = document.getElementById(form.dataset.shows);
    made.querySelector("[data-token]").textContent = (await answer.json()).token;
    made.hidden = false;
    form.reset();
    made.scrollIntoView();
  } catch {
    refuse(null);
  }
});

/** What the fields say; what is empty is left out, boxes of one name are a list. */
function said(form, button) {
  const body = {};
  const isChange = "changes" in form.dataset;
  for (const field of form.elements) {
    if (!field.name || field.type === "submit") continue;
    if (field.type === "checkbox") {
      body[field.name] ??= [];
      if (field.checked) body[field.name].push(field.value);
    } else if (field.value && !(isChange && isAsItWas(field))) {
      body[field.name] = field.value;
    }
  }
  if (button?.name) body[button.name] = button.value === "true";
  return body;
}

function isAsItWas(field) {
  return field.querySelector("option[selected]")?.value === field.value;
}

function refuse(problem) {
  refusal.textContent = wordsOf(problem);
  refusal.hidden = false;
  refusal.scrollIntoView();
}
