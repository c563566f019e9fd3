// Keeps the parts of a page that change by themselves as they are in the store. The feed of events only says that
// something happened; what it means is on the page, which is fetched again. So a page that was away for a while, or
// whose store was started anew, is right again with the first fetch.

/** The page is not fetched more often than this, milliseconds. */
const REST_MS = 200;
/** Ages and countdowns move without an event. */
const LOOK_MS = 10_000;

/** The page's query: what the visitor has said so far. */
export const query = new URLSearchParams(location.search);

/** What proves to the store that its own page asks for something. */
export const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

/** What stands in each part, by its id, as the store made it. */
const shown = new Map();
let isBusy = false;
let isDue = false;

export async function refresh() {
  isDue = true;
  if (isBusy) return;
  isBusy = true;
  while (isDue) {
    isDue = false;
    await look();
    await new Promise((rested) => setTimeout(rested, REST_MS));
  }
  isBusy = false;
}

async function look() {
  try {
    const answer = await fetch(`${location.pathname}?${query}`, { headers: { accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
    if (!answer.ok) return lost(true);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    page.querySelectorAll("[data-live]").forEach(show);
    lost(false);
  } catch {
    lost(true);
  }
}

function show(fresh) {
  const part = document.getElementById(fresh.id);
  const html = fresh.innerHTML;
  if (!part || html === shown.get(part.id)) return;
  // what is being typed is not taken away
  const isTyped = part.contains(document.activeElement) && document.activeElement.closest("form");
  if (isTyped && fresh.querySelector("form")) return;
  if (part.querySelector("[data-pad][data-typed]") && fresh.querySelector("[data-pad]")) return;
  shown.set(part.id, html);
  const unfolded = [...part.querySelectorAll("details[open]")].map((details) => details.id);
  part.replaceChildren(...fresh.childNodes);
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  part.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
}

function lost(isLost) {
  document.getElementById("lost").hidden = !isLost;
}

const parts = document.querySelectorAll("[data-live]");
for (const part of parts) {
  shown.set(part.id, part.innerHTML);
  // what the page shows, where its address leaves that open: today's list stays that day's
  new URLSearchParams(part.dataset.live).forEach((value, name) => query.set(name, value));
}
if (parts.length > 0) {
  const feed = new EventSource("/v1/events");
  const kinds = ["payment", "device", "acquirer", "offline", "outbox", "journal_stopped", "started", "stopped"];
  for (const kind of kinds) feed.addEventListener(kind, refresh);
  feed.addEventListener("open", refresh);
  feed.addEventListener("error", () => {
    lost(true);
    // a feed that was refused does not come back by itself
    if (feed.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5_000);
  });
  setInterval(refresh, LOOK_MS);
}

/** What a refusal, or none where the store was not reached, says to the person at the screen. */
export function wordsOf(problem) {
  const language = document.documentElement.lang === "en" ? "en" : "zh";
  const obstacles = (problem?.obstacles ?? []).map((obstacle) => obstacle.words?.[language]).filter(Boolean);
  const words = obstacles[0] ?? problem?.words?.[language];
  return words ?? problem?.detail ?? problem?.title ?? document.getElementById("lost").textContent;
}
