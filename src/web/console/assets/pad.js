// The pad on which a customer signs: strokes are drawn, kept as points, and given to the store, which keeps them with
// the payment.

import { csrf, refresh, wordsOf } from "./live.js";

/** The store takes no more points; beyond, the pen leaves no trace. */
const POINTS_MAX = 2_000;
/** Points closer to the last one than this add nothing, pixels of the pad. */
const STEP = 2;

document.getElementById("panel")?.addEventListener("shown", open);
open();

function open() {
  const pad = document.querySelector("[data-pad]");
  if (!pad || pad.dataset.open) return;
  pad.dataset.open = "yes";
  const canvas = pad.querySelector("canvas");
  const pen = canvas.getContext("2d");
  Object.assign(pen, { lineWidth: 3, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
  let strokes = [];
  let points = 0;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * canvas.width;
    const y = ((event.clientY - box.top) / box.height) * canvas.height;
    const inside = (value, side) => Math.round(Math.min(Math.max(value, 0), side));
    return [inside(x, canvas.width), inside(y, canvas.height)];
  };
  const draw = (event) => {
    const stroke = strokes.at(-1);
    const [x, y] = place(event);
    const [lastX, lastY] = stroke.at(-1) ?? [Infinity, Infinity];
    if (Math.hypot(x - lastX, y - lastY) < STEP || points >= POINTS_MAX) return;
    stroke.push([x, y]);
    points += 1;
    pen.beginPath();
    pen.moveTo(...(stroke.at(-2) ?? [x, y]));
    pen.lineTo(x, y);
    pen.stroke();
  };
  const buttons = (isDrawn) => pad.querySelectorAll("button").forEach((button) => { button.disabled = !isDrawn; });

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    // what is being drawn is not taken away, see live.js
    pad.dataset.typed = "yes";
    strokes.push([]);
    draw(event);
    buttons(true);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    for (const between of event.getCoalescedEvents?.() ?? [event]) draw(between);
  });
  pad.querySelector("[data-clear]").addEventListener("click", () => {
    [strokes, points] = [[], 0];
    pen.clearRect(0, 0, canvas.width, canvas.height);
    delete pad.dataset.typed;
    buttons(false);
  });
  pad.querySelector("[data-done]").addEventListener("click", async () => {
    const refusal = document.getElementById("refusal");
    refusal.hidden = true;
    buttons(false);
    const body = JSON.stringify({ width: canvas.width, height: canvas.height, strokes: strokes.filter((stroke) => stroke.length > 0) });
    try {
      const headers = { "content-type": "application/json", accept: "application/json", "x-csrf-token": csrf };
      const answer = await fetch(`/v1/payments/${pad.dataset.pad}/signature`, { method: "POST", headers, body });
      if (!answer.ok) return refuse(await answer.json());
      delete pad.dataset.typed;
      refresh();
    } catch {
      refuse(null);
    }

    function refuse(problem) {
      refusal.textContent = wordsOf(problem);
      refusal.hidden = false;
      buttons(true);
    }
  });
}
