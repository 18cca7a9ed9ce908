// A mark painted on a picture, which is no more than a text: its size, its bits row by row, squeezed (ganapps/pictures/masks.py
// writes and reads the same). It stands in a hidden field, so it is a setting like any other; nothing is sent but that text.
// Dabs of colour, where a tab takes them, are a second one: [[x, y, radius, "#rrggbb"], ...] in pixels of the picture.
() => {
  const MOST = 2e6, MOST_DABS = 1000, KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const states = new WeakMap();
  const written = {}, turns = {};
  const field = (tab, name) => document.querySelector(`#${tab}-${name} :is(textarea, input)`);
  const figure = (tab) => document.querySelector(`#${tab}-painter .painter`);

  const piped = async (bytes, stream) => new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
  const packed = async (mask, width, height) => {
    const across = (width + 7) >> 3, bits = new Uint8Array(across * height);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (mask[y * width + x]) bits[y * across + (x >> 3)] |= 128 >> (x & 7);
    const squeezed = await piped(bits, new CompressionStream("deflate"));
    let text = "";
    for (let at = 0; at < squeezed.length; at += 8192) text += String.fromCharCode(...squeezed.subarray(at, at + 8192));
    return `${width}x${height}:${btoa(text)}`;
  };
  const unpacked = async (text) => {
    const [, width, height, squeezed] = text.match(/^(\d+)x(\d+):(.*)$/) || [];
    if (!width) return null;
    const bits = await piped(Uint8Array.from(atob(squeezed), (c) => c.charCodeAt(0)), new DecompressionStream("deflate"));
    const sheet = Object.assign(document.createElement("canvas"), { width: +width, height: +height }), pen = sheet.getContext("2d");
    const picture = pen.createImageData(+width, +height), across = (+width + 7) >> 3;
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
      if (bits[y * across + (x >> 3)] & (128 >> (x & 7))) picture.data.set([255, 45, 85, 255], 4 * (y * width + x));
    pen.putImageData(picture, 0, 0);
    return sheet;
  };

  const draw = (state, op) => {
    const { pen, canvas } = state;
    if (op.kind === "dabs") return dabbed(state);
    pen.globalCompositeOperation = op.erases ? "destination-out" : "source-over";
    pen.fillStyle = pen.strokeStyle = "rgb(255, 45, 85)";
    if (op.kind === "clear" || op.kind === "replace") pen.clearRect(0, 0, canvas.width, canvas.height);
    if (op.sheet) { pen.imageSmoothingEnabled = false; pen.drawImage(op.sheet, 0, 0, canvas.width, canvas.height); }
    if (op.kind === "box") pen.fillRect(...op.box);
    if (op.kind !== "stroke") return;
    pen.lineWidth = op.size;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...op.points[0]);
    op.points.forEach((point) => pen.lineTo(...point));
    if (op.points.length === 1) pen.lineTo(op.points[0][0] + 0.01, op.points[0][1]);
    pen.stroke();
  };
  const redrawn = (state) => {
    state.pen.clearRect(0, 0, state.canvas.width, state.canvas.height);
    state.ops.forEach((op) => op.kind !== "dabs" && draw(state, op));
    dabbed(state);
  };

  // A stroke of colour is a row of dabs, a radius apart, or more where they would be too many; the eraser takes those away that it touches.
  const rowOf = (op, apart) => {
    const radius = op.size / 2, row = [op.points[0]];
    op.points.slice(1).forEach(([x, y]) => {
      const [lastX, lastY] = row[row.length - 1], far = Math.hypot(x - lastX, y - lastY), count = Math.floor(far / (apart * radius));
      for (let step = 1; step <= count; step++) row.push([lastX + (x - lastX) * step / count, lastY + (y - lastY) * step / count]);
    });
    return row.map(([x, y]) => [x, y, radius, op.colour]);
  };
  const touched = (op, [x, y, radius]) => op.points.some((point) => Math.hypot(x - point[0], y - point[1]) < op.size / 2 + radius);
  const dabsApart = (state, apart) => [...state.ops, ...(state.op ? [state.op] : [])].reduce((there, op) => {
    if (op.kind === "dabs") return [...(op.replaces ? [] : there), ...(op.row || rowOf(op, apart))];
    if (op.kind === "clear") return [];
    return op.erases ? there.filter((dab) => !touched(op, dab)) : there;
  }, []);
  const dabs = (state) => {
    let apart = 1, row = dabsApart(state, apart);
    while (row.length > MOST_DABS && apart < 100) row = dabsApart(state, apart *= 1.25);
    return row;
  };
  const dabbed = (state) => {
    const pen = state.tint;
    if (!pen) return;
    pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
    dabs(state).forEach(([x, y, radius, colour]) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
    });
  };
  const scaled = (row, by) => row.map(([x, y, radius, colour]) => [...[x, y, radius].map((number) => Math.round(10 * by * number) / 10), colour]);

  const write = (state, name, text) => {
    const input = field(state.tab, name);
    written[`${state.tab}-${name}`] = text;
    if (!input || input.value === text) return;
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value").set.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // What came as a text and was not painted on goes back as it came, whatever the size of the canvas.
  const marked = async (state) => {
    const last = state.ops.filter((op) => op.kind !== "dabs").pop();
    if (last?.text) return last.text;
    const { canvas, pen } = state, { width, height } = canvas, { data } = pen.getImageData(0, 0, width, height);
    const mask = new Uint8Array(width * height);
    let some = false;
    for (let at = 0; at < mask.length; at++) if (data[4 * at + 3] > 127) mask[at] = some = 1;
    return some ? packed(mask, width, height) : "";
  };
  const tell = async (state) => {
    const mine = turns[state.tab] = (turns[state.tab] || 0) + 1, text = await marked(state);
    if (mine !== turns[state.tab]) return;
    write(state, "mask", text);
    const row = state.tint ? dabs(state) : [];
    if (state.tint) write(state, "hints", row.length ? JSON.stringify(scaled(row, state.by)) : "");
  };
  const done = (state, op) => { state.ops.push(op); redrawn(state); return tell(state); };
  const stateOf = (element) => states.get(element?.closest?.(".painter"));

  const begun = async (shown) => {
    const picture = shown.querySelector("img"), canvas = shown.querySelector("canvas");
    const width = +shown.dataset.width, height = +shown.dataset.height, share = Math.min(1, Math.sqrt(MOST / (width * height)));
    canvas.width = Math.max(1, Math.round(width * share));
    canvas.height = Math.max(1, Math.round(height * share));
    const tab = shown.closest("[id$=-painter]").id.replace("-painter", ""), tinted = shown.querySelector(".painter-tint");
    const state = { tab, canvas, pen: canvas.getContext("2d", { willReadFrequently: true }), ops: [], fingers: new Map(), tool: "brush", at: [canvas.width / 2, canvas.height / 2], by: width / canvas.width };
    if (tinted) [tinted.width, tinted.height, state.tint] = [canvas.width, canvas.height, tinted.getContext("2d")];
    states.set(shown, state);
    picture.dataset.begun = picture.src;
    const size = shown.querySelector(".painter-size");
    size.max = Math.max(16, Math.round(Math.min(canvas.width, canvas.height) / 4));
    size.value = Math.max(4, Math.round(Math.min(canvas.width, canvas.height) / 24));
    const marked = field(tab, "mask")?.value || "", hinted = field(tab, "hints")?.value || "";
    // what stands in the fields belongs to this picture: the server empties them for another one
    if (hinted) state.ops.push({ kind: "dabs", replaces: true, row: rowFrom(state, hinted) });
    const sheet = marked && (await unpacked(marked).catch(() => null));
    if (sheet) state.ops.push({ kind: "replace", sheet, text: marked });
    if (state.ops.length) { redrawn(state); await tell(state); }
    framed(tab);
  };
  const rowFrom = (state, text) => { try { return scaled(JSON.parse(text || "[]"), 1 / state.by); } catch { return []; } };
  const came = async (tab, text, adds) => {
    const state = states.get(figure(tab));
    if (!state || (!adds && text === written[`${tab}-mask`])) return;
    if (!adds && !text) { if (state.ops.length) await done(state, { kind: "replace" }); return; }
    const sheet = await unpacked(text).catch(() => null);
    if (sheet && (adds || field(tab, "mask")?.value === text)) await done(state, adds ? { kind: "add", sheet } : { kind: "replace", sheet, text });
  };
  const hintsCame = async (tab) => {
    const state = states.get(figure(tab)), text = field(tab, "hints")?.value || "";
    if (!state?.tint || text === written[`${tab}-hints`]) return;
    await done(state, { kind: "dabs", replaces: true, row: rowFrom(state, text) });
  };
  // The news of what was painted here comes back late, perhaps after more was painted: what stands in the field by then counts.
  document.addEventListener("mask-came", ({ detail: { tab, text, adds } }) => setTimeout(() => came(tab, adds ? text : field(tab, "mask")?.value || "", adds), 50));
  document.addEventListener("hints-came", ({ detail: { tab } }) => setTimeout(() => hintsCame(tab), 50));
  document.addEventListener("load", (event) => { if (event.target.matches?.(".painter img") && event.target.dataset.begun !== event.target.src) begun(event.target.closest(".painter")); }, true);

  const placed = (state, event) => {
    const around = state.canvas.getBoundingClientRect();
    return [(event.clientX - around.left) * state.canvas.width / around.width, (event.clientY - around.top) * state.canvas.height / around.height];
  };
  const stroke = (state) => {
    const tints = state.tool === "tint", colour = tints && state.canvas.closest(".painter").querySelector(".painter-colour").value;
    return { kind: tints ? "dabs" : "stroke", erases: state.tool === "eraser", size: sized(state), points: [[...state.at]], colour };
  };
  const sized = (state) => +state.canvas.closest(".painter").querySelector(".painter-size").value;
  const spread = ([x, y], [toX, toY]) => [Math.min(x, toX), Math.min(y, toY), Math.abs(toX - x), Math.abs(toY - y)].map(Math.round);
  document.addEventListener("pointerdown", (event) => {
    const state = event.target.matches?.(".painter canvas") && stateOf(event.target);
    if (!state || event.button) return;
    event.preventDefault();
    event.target.focus({ preventScroll: true });
    event.target.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") state.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (state.fingers.size > 1) {
      state.op = null;
      return redrawn(state);
    }
    state.at = placed(state, event);
    state.op = state.tool === "box" ? { kind: "box", from: state.at, box: [...state.at, 0, 0] } : stroke(state);
    draw(state, state.op);
  });
  document.addEventListener("pointermove", (event) => {
    const state = stateOf(event.target);
    if (state?.fingers.size > 1) return moved(state, event);
    if (!state?.op) return;
    for (const each of event.getCoalescedEvents?.() || [event]) {
      const at = placed(state, each);
      if (state.op.kind === "box") state.op.box = spread(state.op.from, at); else state.op.points.push(at);
    }
    if (state.op.kind === "box") redrawn(state);
    draw(state, state.op);
    if (state.op.erases) dabbed(state);
  });
  // Two fingers move what is seen of a zoomed picture, and paint nothing.
  const moved = (state, event) => {
    const [x, y] = state.fingers.get(event.pointerId) || [event.clientX, event.clientY], count = state.fingers.size;
    state.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    state.canvas.closest(".painter-window").scrollBy((x - event.clientX) / count, (y - event.clientY) / count);
  };
  const lifted = (event) => {
    const state = stateOf(event.target), op = state?.op;
    state?.fingers.delete(event.pointerId);
    if (!op) return;
    state.op = null;
    if (event.type === "pointercancel") return redrawn(state);
    done(state, op);
  };
  document.addEventListener("pointerup", lifted);
  document.addEventListener("pointercancel", lifted);

  // Keys on the picture: arrows move a cursor by half a brush (Shift: by a pixel), the space bar paints or erases there.
  const cursor = (state) => {
    const mark = state.canvas.parentElement.querySelector(".painter-cursor"), share = sized(state) / state.canvas.width * 100;
    mark.style.left = state.at[0] / state.canvas.width * 100 + "%";
    mark.style.top = state.at[1] / state.canvas.height * 100 + "%";
    mark.style.width = share + "%";
    mark.hidden = false;
    mark.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    const state = event.target.matches?.(".painter canvas") && stateOf(event.target);
    if (!state) return;
    const way = KEYS[event.key], step = event.shiftKey ? 1 : Math.max(1, sized(state) / 2);
    if (way) state.at = state.at.map((place, axis) => Math.min(Math.max(place + way[axis] * step, 0), axis ? state.canvas.height : state.canvas.width));
    else if (event.key === " ") done(state, stroke(state));
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undone(state);
    else return;
    event.preventDefault();
    cursor(state);
  });
  document.addEventListener("focusout", (event) => { if (event.target.matches?.(".painter canvas")) event.target.parentElement.querySelector(".painter-cursor").hidden = true; });

  const undone = (state) => { if (state.ops.pop()) { redrawn(state); tell(state); } };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".painter button"), state = button && stateOf(button);
    if (!state) return;
    if (button.dataset.do === "undo") return undone(state);
    if (button.dataset.do === "clear") return void (state.ops.length && done(state, { kind: "clear" }));
    state.tool = button.dataset.tool;
    button.closest(".painter").querySelectorAll("[data-tool]").forEach((other) => other.setAttribute("aria-pressed", other === button));
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches?.(".painter-zoom")) event.target.closest(".painter").style.setProperty("--zoom", event.target.value);
    if (event.target === field("repair", "box")) framed("repair");
  });

  // The box of four numbers is shown where it lies; it is a setting of its own.
  const framed = (tab) => {
    const shown = figure(tab), mark = shown?.querySelector(".painter-box"), numbers = (field(tab, "box")?.value.match(/-?\d+/g) || []).map(Number);
    if (!mark) return;
    mark.hidden = numbers.length !== 4;
    ["left", "top", "width", "height"].forEach((name, at) => { mark.style[name] = numbers[at] / +(at % 2 ? shown.dataset.height : shown.dataset.width) * 100 + "%"; });
  };
}
