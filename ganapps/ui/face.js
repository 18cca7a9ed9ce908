// What is drawn on a face with the pointer stands in a field as numbers, where it can be typed too: strokes from a point to where it
// shall go (on the face in Edit), and the five points of one's own face. Where something may move, painter.js paints.
() => {
  const field = (name) => document.querySelector(`#faces-${name} :is(input, textarea)`);
  const write = (input, text) => {
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value").set.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const groups = (input) => (input?.value || "").split(/[;；]/).map((part) => (part.match(/-?[\d.]+/g) || []).map(Number));

  // The face in Edit.
  const face = () => document.querySelector("#faces-edit-picture .image-frame img");
  const strokes = () => field("edit-points"), free = () => field("edit-free");
  const line = ([x, y, toX, toY]) => `<circle cx="${x}" cy="${y}" r="1.5%"/><line x1="${x}" y1="${y}" x2="${toX}" y2="${toY}"/>`;
  const rectangle = ([x, y, width, height]) => `<rect x="${x}" y="${y}" width="${Math.max(width, 0)}" height="${Math.max(height, 0)}"/>`;
  const four = (numbers) => numbers.length === 4;
  // where something may move, as it was painted on the copy
  const painted = (width, height) => {
    const canvas = document.querySelector("#faces-edit-painter canvas");
    return canvas && field("edit-mask")?.value ? `<image class="painted" width="${width}" height="${height}" href="${canvas.toDataURL()}"/>` : "";
  };
  let begun = null;
  const drawn = (end) => {
    const picture = face(), parent = picture?.parentElement;
    if (!parent || !strokes()) return;
    const svg = parent.querySelector(".arrows") || parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
    const { naturalWidth: width, naturalHeight: height } = picture;
    svg.setAttribute("class", "arrows");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const lines = groups(strokes());
    if (begun && end) lines.push([...begun, ...end]);
    svg.innerHTML = painted(width, height) + groups(free()).filter(four).map(rectangle).join("") + lines.filter(four).map(line).join("");
  };
  const pixel = (event) => {
    const around = face().getBoundingClientRect(), within = (share, side) => Math.min(Math.max(Math.round(share * side - 0.5), 0), side - 1);
    return [within((event.clientX - around.left) / around.width, face().naturalWidth), within((event.clientY - around.top) / around.height, face().naturalHeight)];
  };
  document.addEventListener("pointerdown", (event) => {
    if (event.button || event.target !== face() || !event.target.naturalWidth) return;
    event.preventDefault();
    event.target.setPointerCapture(event.pointerId);
    begun = pixel(event);
  });
  document.addEventListener("pointermove", (event) => { if (begun && face()) drawn(pixel(event)); });
  document.addEventListener("pointerup", (event) => {
    if (!begun || !face()) return;
    const start = begun, end = pixel(event), input = strokes();
    begun = null;
    if (!input || Math.hypot(end[0] - start[0], end[1] - start[1]) < 1) return drawn();
    const before = input.value.trim().replace(/;$/, "");
    write(input, (before ? before + "; " : "") + [...start, ...end].join(", "));
  });
  document.addEventListener("pointercancel", () => { begun = null; drawn(); });
  document.addEventListener("dragstart", (event) => { if (event.target === face()) event.preventDefault(); });
  document.addEventListener("input", (event) => { if ([strokes(), free(), field("edit-mask")].includes(event.target)) drawn(); });
  document.addEventListener("load", (event) => { if (event.target === face()) drawn(); }, true);

  // The family: each face of the tree is a button; whom it names is a parent next, or no longer one.
  const node = (event) => event.target.closest?.(".family [data-name]");
  // One press after the other: each says who is a parent after it, and starts from who was before.
  const PATIENCE = 10000, pressed = [];  // milliseconds until an answer is taken for lost
  let last = null, asked = 0;
  const next = () => {
    if (!pressed.length || Date.now() - asked < PATIENCE) return;
    asked = Date.now();
    write(field("breed-clicked"), `${asked} ${pressed.shift()}`);
  };
  const chosen = (one) => {
    last = one.dataset.name;
    pressed.push(last);
    next();
  };
  document.addEventListener("click", (event) => { if (node(event)) chosen(node(event)); });
  document.addEventListener("keydown", (event) => {
    if (!node(event) || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    chosen(node(event));
  });
  document.addEventListener("family-came", () => setTimeout(() => {
    asked = 0;
    next();
    const again = [...document.querySelectorAll(".family [data-name]")].find((one) => one.dataset.name === last);
    if (document.activeElement === document.body) again?.focus({ preventScroll: true });
  }, 50));

  // One's own face: five handles on the picture, dragged or moved by the arrow keys (Shift: by ten pixels).
  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const USUAL = [[0.37, 0.42], [0.63, 0.42], [0.5, 0.57], [0.4, 0.7], [0.6, 0.7]];  // of a head that fills a picture
  const own = () => document.querySelector("#faces-own-picture .image-frame img"), five = () => field("own-points");
  const earlier = [];
  let held = null;
  const places = () => groups(five()).filter((place) => place.length === 2);
  const told = (all) => all.map((place) => place.map((number) => Math.round(number * 10) / 10).join(", ")).join("; ");
  const set = (all, remembers = true) => {
    if (remembers) earlier.push(five().value);
    write(five(), told(all));
  };
  const shown = () => {
    const picture = own(), parent = picture?.parentElement;
    if (!parent) return;
    const now = places(), there = now.length === 5 && picture.naturalWidth ? now : [];
    const names = (document.querySelector("#faces-own-landmarks")?.dataset.names || "").split("|");
    const handles = [...parent.querySelectorAll(".landmark")];
    handles.slice(there.length).forEach((handle) => handle.remove());
    there.forEach(([x, y], index) => {
      const handle = handles[index] || parent.appendChild(Object.assign(document.createElement("button"), { type: "button", className: "landmark" }));
      const { zoom, left, top } = window.ganapps.shownPart(picture), outer = parent.getBoundingClientRect();
      handle.dataset.index = index;
      handle.style.left = left - outer.left + (x + 0.5) * zoom + "px";
      handle.style.top = top - outer.top + (y + 0.5) * zoom + "px";
      handle.setAttribute("aria-label", `${names[index] || ""}: ${Math.round(x)}, ${Math.round(y)}`);
    });
  };
  const near = ({ clientX, clientY }) => [...document.querySelectorAll("#faces-own-picture .landmark")].map((handle) => {
    const { left, top, width, height } = handle.getBoundingClientRect();
    return [Math.hypot(left + width / 2 - clientX, top + height / 2 - clientY), handle];
  }).sort(([one], [other]) => one - other)[0][1];
  const moved = (index, [x, y], remembers) => {
    const { width, height } = window.ganapps.ownSize(own()), all = places();
    all[index] = [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
    set(all, remembers);
  };
  document.addEventListener("pointerdown", (event) => {
    if (event.button || !event.target.matches?.(".landmark")) return;
    event.preventDefault();
    const nearest = near(event);  // handles of a small face lie on each other
    nearest.focus({ preventScroll: true });
    nearest.setPointerCapture(event.pointerId);
    held = +nearest.dataset.index;
    earlier.push(five().value);
  });
  document.addEventListener("pointermove", (event) => {
    if (held === null || !own()) return;
    const { zoom, left, top } = window.ganapps.shownPart(own());
    moved(held, [(event.clientX - left) / zoom - 0.5, (event.clientY - top) / zoom - 0.5], false);
  });
  ["pointerup", "pointercancel"].forEach((name) => document.addEventListener(name, () => { held = null; }));
  document.addEventListener("keydown", (event) => {
    const way = KEYS[event.key];
    if (!way || !event.target.matches?.(".landmark")) return;
    event.preventDefault();
    const index = +event.target.dataset.index, step = event.shiftKey ? 10 : 1;
    moved(index, places()[index].map((place, axis) => place + way[axis] * step), true);
  });
  // a press on a handle is no press on the box that it stands on, which would ask for another picture
  document.addEventListener("click", (event) => {
    if (event.target.matches?.(".landmark")) { event.preventDefault(); event.stopPropagation(); }
    if (event.target.closest?.("#faces-own-byhand") && own()?.naturalWidth) {
      const { width, height } = window.ganapps.ownSize(own());
      set(USUAL.map(([x, y]) => [x * width, y * height]));
    }
    if (event.target.closest?.("#faces-own-undo") && earlier.length) write(five(), earlier.pop());
  }, true);
  document.addEventListener("input", (event) => { if (event.target === five()) shown(); });
  document.addEventListener("load", (event) => { if (event.target === own()) { earlier.length = 0; shown(); } }, true);
  window.addEventListener("resize", shown);
  // what the server wrote into a field
  document.addEventListener("points-came", () => { drawn(); shown(); });
}
