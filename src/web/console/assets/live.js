// Keeps the parts of a page that change by themselves as they are in the store. The feed of events only says that
// something happened; what it means is fetched from the store, which makes the page. So a page that was away for a
// while, or whose store was started anew, is right again with the first fetch.

/** No part is fetched more often than this, milliseconds. */
const REST_MS = 200;
/** Ages and countdowns move without an event. */
const LOOK_MS = 10_000;

const parts = new Map();

export function refresh(element) {
  const part = parts.get(element) ?? { busy: false, again: false, shown: element.innerHTML };
  parts.set(element, part);
  if (part.busy) {
    part.again = true;
    return;
  }
  part.busy = true;
  fetchPart(element, part).finally(() => setTimeout(() => {
    part.busy = false;
    if (part.again) {
      part.again = false;
      refresh(element);
    }
  }, REST_MS));
}

async function fetchPart(element, part) {
  const url = new URL(element.dataset.live, location.href);
  for (const [name, value] of Object.entries(element.query?.() ?? {})) {
    if (value) url.searchParams.set(name, value);
  }
  let html;
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
    if (!answer.ok) return lost(true);
    html = await answer.text();
  } catch {
    return lost(true);
  }
  lost(false);
  const wanted = element.dataset.part;
  if (wanted) {
    html = new DOMParser().parseFromString(html, "text/html").querySelector(wanted)?.outerHTML ?? html;
  }
  if (html === part.shown) return;
  part.shown = html;
  // what is being typed is not taken away
  const typed = element.contains(document.activeElement) && document.activeElement.closest("form");
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  if (typed && fresh.content.querySelector("form")) return;
  element.replaceChildren(fresh.content);
  element.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
}

function lost(isLost) {
  document.getElementById("lost").hidden = !isLost;
}

export function refreshAll() {
  document.querySelectorAll("[data-live]").forEach(refresh);
}

if (document.querySelector("[data-live]")) {
  const feed = new EventSource("/v1/events");
  const kinds = ["payment", "device", "acquirer", "offline", "outbox", "journal_stopped", "started", "stopped"];
  for (const kind of kinds) feed.addEventListener(kind, refreshAll);
  feed.addEventListener("open", refreshAll);
  feed.addEventListener("error", () => {
    lost(true);
    // a feed that was refused does not come back by itself
    if (feed.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5_000);
  });
  setInterval(refreshAll, LOOK_MS);
}
