// The Lab's stage: looks at a run arrive as numbers (#learn-told); here they are drawn, kept as a film, and played again.
() => {
  const film = { looks: [], rows: [], at: -1, follows: true, slow: false, timer: 0 };
  const stage = () => document.querySelector("#learn-stage .lab-stage");
  const words = () => JSON.parse(stage().dataset.words);
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const RUNS = ["--lab-first", "--lab-second", "--lab-third", "--lab-fourth"];
  const colour = (name) => getComputedStyle(stage()).getPropertyValue(name).trim();
  const press = (id) => document.getElementById(id)?.click();
  const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

  // -- bytes and points out of text (learning/packed.py)

  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const points = (text, extent) => {
    const packed = bytes(text), places = [];
    for (let i = 0; i + 3 < packed.length; i += 4) {
      const number = (at) => (packed[at] + 256 * packed[at + 1]) / 65535;
      places.push([(2 * number(i) - 1) * extent, (2 * number(i + 2) - 1) * extent]);
    }
    return places;
  };

  // -- a canvas as sharp as the screen, drawn in a square of side 1

  const sharp = (canvas) => {
    const box = canvas.getBoundingClientRect(), dense = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(box.width * dense)), height = Math.max(1, Math.round(box.height * dense));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, box.width, box.height);
    return { pen, width: box.width, height: box.height };
  };

  // -- the plane: D's opinion under points, arrows and the bent grid

  const layer = (name) => stage().querySelector(`[data-layer=${name}]`).checked;
  const rgb = (name) => colour(name).split(",").map(Number);

  const surface = (pen, side, packed) => {
    const cells = bytes(packed), edge = Math.round(Math.sqrt(cells.length)), small = document.createElement("canvas");
    small.width = small.height = edge;
    const image = new ImageData(edge, edge), low = rgb("--lab-made-tint"), high = rgb("--lab-real-tint");
    cells.forEach((value, cell) => {
      const place = 4 * ((edge - 1 - Math.floor(cell / edge)) * edge + (cell % edge)), share = value / 255;
      for (let i = 0; i < 3; i++) image.data[place + i] = low[i] + (high[i] - low[i]) * share;
      image.data[place + 3] = 255;
    });
    small.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(small, 0, 0, side, side);
  };

  const plane = (canvas, look, run) => {
    const { pen, width: side } = sharp(canvas), extent = look.extent;
    const put = ([x, y]) => [((x / extent + 1) / 2) * side, ((1 - y / extent) / 2) * side];
    if (run["best opinion"] && layer("best")) surface(pen, side, run["best opinion"]);
    else if (run.opinion && layer("opinion")) surface(pen, side, run.opinion);
    if (run.grid && layer("grid")) bent(pen, points(run.grid, extent).map(put));
    dots(pen, points(look.real, extent).map(put), side, false);
    if (!run.made) return;
    const made = points(run.made, extent);
    if (run.ways && layer("ways")) arrows(pen, made, run, put);
    dots(pen, made.map(put), side, true);
  };

  const bent = (pen, places) => {
    const lines = Math.round(Math.sqrt(places.length));
    pen.strokeStyle = colour("--lab-grid");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let i = 0; i < lines; i++)
      for (let j = 0; j < lines; j++) {
        const here = places[i * lines + j], right = j + 1 < lines && places[i * lines + j + 1], down = i + 1 < lines && places[(i + 1) * lines + j];
        for (const there of [right, down]) if (there) { pen.moveTo(...here); pen.lineTo(...there); }
      }
    pen.stroke();
  };

  const dots = (pen, places, side, made) => {
    const radius = Math.max(1.4, side / 190);
    pen.fillStyle = colour(made ? "--lab-made" : "--lab-real");
    pen.strokeStyle = pen.fillStyle;
    pen.lineWidth = 1.1;
    for (const [x, y] of places) {
      pen.beginPath();
      pen.arc(x, y, made ? radius : radius * 1.15, 0, 2 * Math.PI);
      if (made) pen.fill(); else pen.stroke();
    }
  };

  // An arrow's length goes by the logarithm of its gradient, from 1e-4 (nothing) on: what dies is seen to die.
  const arrows = (pen, made, run, put) => {
    const ways = bytes(run.ways), longest = run["longest way"] || 0;
    pen.strokeStyle = colour("--lab-way");
    pen.lineWidth = 1;
    pen.beginPath();
    made.forEach(([x, y], i) => {
      const [right, up] = [ways[2 * i], ways[2 * i + 1]].map((byte) => (byte / 127.5 - 1) * longest);
      const size = Math.hypot(right, up), length = Math.min(0.45, Math.max(0, 0.08 * (Math.log10(size || 1e-9) + 4)));
      if (i % 2 || !length) return;
      pen.moveTo(...put([x, y]));
      pen.lineTo(...put([x + (right / size) * length, y + (up / size) * length]));
    });
    pen.stroke();
  };

  // -- two numbers on a circle (the Dirac GAN): the whole way up to this look

  const circle = (canvas, number, place) => {
    const { pen, width: side } = sharp(canvas), whole = [];
    for (const look of film.looks.slice(0, number + 1)) whole.push(...(look.runs[place].way || []));
    const reach = Math.max(1.2, ...whole.slice(-4000).map(([x, y]) => Math.max(Math.abs(x), Math.abs(y)) * 1.1));
    const put = ([x, y]) => [((x / reach + 1) / 2) * side, ((1 - y / reach) / 2) * side];
    pen.strokeStyle = colour("--lab-grid");
    pen.beginPath();
    pen.moveTo(0, side / 2); pen.lineTo(side, side / 2); pen.moveTo(side / 2, 0); pen.lineTo(side / 2, side);
    pen.stroke();
    pen.strokeStyle = colour(RUNS[place]);
    pen.lineWidth = 1.2;
    pen.beginPath();
    whole.forEach((at, i) => (i ? pen.lineTo(...put(at)) : pen.moveTo(...put(at))));
    pen.stroke();
    if (whole.length) dots(pen, [put(whole[whole.length - 1])], 3 * side, true);
  };

  // -- a wall of pictures, D's verdict as a bar under each

  const wall = (canvas, look, run, place) => {
    const picture = new Image();
    picture.onload = () => {
      const { pen, width } = sharp(canvas), columns = 8, edge = width / columns, verdicts = run.verdicts || [];
      pen.imageSmoothingEnabled = false;
      const rows = Math.ceil(verdicts.length / columns), bar = Math.max(3, edge / 12), low = Math.min(...verdicts), high = Math.max(...verdicts, low + 1e-9);
      const from = picture.width / columns, into = picture.height / rows;
      verdicts.forEach((verdict, i) => {
        const x = (i % columns) * edge, y = Math.floor(i / columns) * (edge + bar), real = i >= verdicts.length - 8;
        pen.drawImage(picture, (i % columns) * from, Math.floor(i / columns) * into, from, into, x, y, edge - 1, edge - 1);
        const share = low >= 0 && high <= 1 ? verdict : (verdict - low) / (high - low);
        pen.fillStyle = colour(real ? "--lab-real" : "--lab-made");
        pen.fillRect(x, y + edge, (edge - 1) * share, bar - 2);
      });
    };
    picture.src = look.walls[place];
  };

  // -- one picture of a wall: enlarged, beside the nearest real one; or where a place of it looks

  const MADE = 40, COLUMNS = 8, LARGE = 160;
  const cut = (address, number, then) => {
    const picture = new Image();
    picture.onload = () => {
      const small = picture.width / COLUMNS, canvas = Object.assign(document.createElement("canvas"), { width: LARGE, height: LARGE });
      const pen = canvas.getContext("2d");
      pen.imageSmoothingEnabled = false;
      pen.drawImage(picture, (number % COLUMNS) * small, Math.floor(number / COLUMNS) * small, small, small, 0, 0, LARGE, LARGE);
      then(canvas);
    };
    picture.src = address;
  };
  const looksFrom = (canvas, run, column, row) => {
    const pen = canvas.getContext("2d"), edge = LARGE / 8, map = bytes(run.looks).slice(64 * (8 * row + column), 64 * (8 * row + column) + 64);
    map.forEach((value, cell) => {
      pen.fillStyle = `rgba(255, 214, 64, ${(0.75 * value) / 255})`;
      pen.fillRect((cell % 8) * edge, Math.floor(cell / 8) * edge, edge, edge);
    });
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect(column * edge, row * edge, edge, edge);
  };
  const closer = (panel, place, number, column, row) => {
    const look = film.looks[film.looks.length - 1], run = look.runs[place], shown = panel.querySelector(".lab-closer");
    if (!look.nearest || number >= MADE) return;
    const asked = shown.asked = {}; // of two clicks the second one counts, whose pictures may come first
    const put = (words, address, drawn) => cut(address, number, (canvas) => {
      if (shown.asked !== asked) return;
      drawn?.(canvas);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", words);
      const held = document.createElement("span");
      held.append(canvas, words);
      shown.append(held);
    });
    shown.replaceChildren();
    const attends = run.looks && number === 0;
    put(attends ? words().looks : words().made, look.walls[place], attends && ((canvas) => looksFrom(canvas, run, column, row)));
    if (look.nearest[place]) put(words().nearest, look.nearest[place]);
  };
  const cellOf = (canvas, x, y) => {
    const box = canvas.getBoundingClientRect(), edge = box.width / COLUMNS, high = edge + Math.max(3, edge / 12);
    const left = (x - box.left) / edge, top = (y - box.top) / high;
    const within = (share) => Math.min(7, Math.max(0, Math.floor(8 * share)));
    return [Math.floor(left) + COLUMNS * Math.floor(top), within(left % 1), within(((top % 1) * high) / edge)];
  };
  document.addEventListener("click", (event) => {
    if (!event.target.matches?.(".lab-panels.walls canvas[tabindex]")) return;
    const panel = event.target.closest("figure");
    closer(panel, [...panel.parentElement.children].indexOf(panel), ...cellOf(event.target, event.clientX, event.clientY));
  });
  // the keyboard goes from picture to picture, and within the first from place to place with Shift
  document.addEventListener("keydown", (event) => {
    const canvas = event.target, by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }[event.key];
    if (!by || !canvas.matches?.(".lab-panels.walls canvas[tabindex]")) return;
    event.preventDefault();
    const panel = canvas.closest("figure"), name = event.shiftKey ? "spot" : "cell", most = event.shiftKey ? 64 : MADE;
    canvas.dataset[name] = Math.min(most - 1, Math.max(0, +(canvas.dataset[name] || 0) + by));
    const spot = +(canvas.dataset.spot || 0);
    closer(panel, [...panel.parentElement.children].indexOf(panel), +(canvas.dataset.cell || 0), spot % 8, Math.floor(spot / 8));
  });

  // -- panels: a drawing, a name, the figures that matter

  const panels = (look) => {
    const row = stage().querySelector(".lab-panels"), names = JSON.stringify(look.names) + !look.walls;
    if (row.dataset.names === names) return row;
    row.dataset.names = names;
    row.dataset.count = look.names.length;
    row.classList.toggle("walls", !!look.walls);
    row.replaceChildren(...look.names.map((name, place) => {
      const panel = document.createElement("figure");
      panel.style.setProperty("--run", `var(${RUNS[place]})`);
      panel.innerHTML = '<figcaption><b></b></figcaption><p class="lab-big"></p><canvas role="img"></canvas><p class="lab-small"></p><div class="lab-closer" aria-live="polite"></div>';
      panel.querySelector("b").textContent = name;
      if (look.walls) Object.assign(panel.querySelector("canvas"), { tabIndex: 0 }).style.aspectRatio = "8 / 6.5";
      return panel;
    }));
    return row;
  };

  const attended = (look) => look.runs.some((run) => "far" in run); // told at the end, where a run has attention
  const short = (value) => (value === undefined || value === null ? "–" : Math.abs(value) >= 0.01 || value === 0 ? String(+value.toPrecision(2)) : value.toExponential(0));
  const percent = (share) => Math.round(100 * share);

  // Each number and how it is said; the one that matters most stands first, and large.
  const SAID = [
    ["modes", "modes", (run) => ({ found: run.modes, all: run["of modes"] })],
    ["gradient at G", "gradient", (run) => ({ size: short(run["gradient at G"]) })],
    ["from rest", "rest", (run) => ({ size: short(run["from rest"]) })],
    ["gap", "gap", (run) => ({ size: short(run.gap) })],
    ["far", "far", (run) => ({ share: short(run.far) })],
    ["near", "near", () => ({})],
    ["good", "good", (run) => ({ share: percent(run.good) })],
    ["loss", "loss", (run) => ({ size: short(run.loss) })],
    ["calls a sample", "calls", (run) => ({ count: run["calls a sample"] })],
    ["covered", "covered", (run) => ({ found: run.covered, all: run["of modes"] })],
    ["upward", "upward", (run) => ({ share: percent(run.upward) })],
    ["right on real", "right", (run) => ({ real: percent(run["right on real"]), made: percent(run["right on made"]) })],
    ["right on held back", "held", (run) => ({ share: percent(run["right on held back"]) })],
  ];
  const OF_RIVALS = ["calls a sample", "covered", "upward"]; // said where a rival plays beside
  const figures = (run, look, rivals) => {
    const say = words();
    if (run["left all bounds"]) return [fill(say.out, { at: run["left all bounds"] })];
    const far = attended(look), all = far && !("far" in run) ? { ...run, near: 0 } : run;
    const there = SAID.filter(([name]) => typeof all[name] === "number" && (rivals || !OF_RIVALS.includes(name)));
    const first = (name) => name === look.matters || (name === "near" && look.matters === "far");
    there.sort(([one], [other]) => first(other) - first(one));
    return there.map(([, sentence, values]) => fill(say[sentence], values(all)));
  };

  const show = (number) => {
    const look = film.looks[number];
    if (!look || !stage()) return;
    film.at = number;
    stage().querySelector(".lab-empty").hidden = true;
    for (const part of [".lab-panels", ".lab-player"]) stage().querySelector(part).hidden = false;
    const rivals = look.runs.some((run) => "loss" in run);
    [...panels(look).children].forEach((panel, place) => {
      const run = look.runs[place], canvas = panel.querySelector("canvas"), [first, ...others] = figures(run, look, rivals);
      panel.querySelector(".lab-big").textContent = first || "";
      panel.querySelector(".lab-small").textContent = [fill(words().step, { step: run.step }), ...others].join(" · ");
      canvas.setAttribute("aria-label", [look.names[place], first, ...others].join(", "));
      if (look.walls && run.verdicts) wall(canvas, look, run, place);
      else if (look.real) plane(canvas, look, run);
      else if (!look.walls) circle(canvas, number, place);
      if (run.looks && !panel.querySelector(".lab-closer").asked) closer(panel, place, 0, 4, 4);
    });
    stage().querySelector(".lab-attends").hidden = !attended(look);
    for (const kind of ["plane", "wall", "circle"]) stage().querySelectorAll(`.lab-${kind}`).forEach((part) => { part.hidden = kind !== (look.walls ? "wall" : look.real ? "plane" : "circle"); });
    const slider = stage().querySelector(".lab-film");
    slider.max = film.looks.length - 1;
    slider.value = number;
    stage().querySelector(".lab-at").textContent = `${number + 1} / ${film.looks.length}`;
    window.ganappsCurves?.(stage(), film, look);
    if (film.sought) stage().querySelector(".lab-panels").scrollIntoView({ block: "nearest", behavior: calm() });
    film.sought = false;
  };

  // -- looks arrive: the last one is shown; where many come at once, they are seen one after the other, in three seconds

  const MOMENT = 120, MOMENTS = 25, AT_ONCE = 5, SECOND = 1000;
  let arrivals = [];
  const away = () => stage().querySelectorAll(".lab-closer").forEach((shown) => { // of the game before
    shown.asked = null;
    shown.replaceChildren();
  });
  const ahead = () => {
    const behind = film.looks.length - 1 - film.at;
    if (!film.follows || film.next) return;
    if (behind < 1) return labelled();
    show(film.at + (arrivals.length > AT_ONCE ? Math.ceil(behind / MOMENTS) : behind));
    film.next = setTimeout(() => { film.next = 0; ahead(); }, MOMENT);
  };
  const told = () => {
    window.ganappsPad?.();
    const news = document.getElementById("learn-told");
    if (!news || news.dataset.seen) return;
    news.dataset.seen = "yes";
    const { looks, rows, names, matters } = JSON.parse(news.dataset.told), now = performance.now();
    for (const look of looks) {
      const last = film.looks[film.looks.length - 1];
      if (!last || look.at <= last.at) Object.assign(film, { looks: [], rows: [], at: -1, follows: true }), rest(), away();
      film.looks.push({ ...look, names, matters });
      film.rows.push(look.runs);
    }
    arrivals = [...arrivals.filter((time) => now - time < SECOND), ...looks.map(() => now)];
    if (rows) film.rows = rows[0].map((_, i) => rows.map((run) => run[i] || {}));
    if (!film.looks.length) return;
    if (film.follows) ahead();
    else stage().querySelector(".lab-film").max = film.looks.length - 1;
    when(running, labelled);
    if (rows) when(() => !running(), labelled); // Stop has gone with the run
  };
  new MutationObserver(told).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["data-told"] });

  // -- the player

  const running = () => !!document.querySelector("#learn-stop")?.offsetParent;
  const still = () => !film.timer && !(film.follows && (running() || film.at < film.looks.length - 1));
  const labelled = () => {
    const button = stage().querySelector("[data-do=pause]"), say = words(), held = still();
    button.innerHTML = held ? "&#9654;" : "&#10074;&#10074;";
    button.title = held ? say.play : say.pause;
    button.setAttribute("aria-label", button.title);
    stage().querySelector("[data-do=slow]").setAttribute("aria-pressed", film.slow);
  };
  const rest = () => { clearInterval(film.timer); film.timer = 0; };
  const play = () => {
    rest();
    if (film.at >= film.looks.length - 1 && !running()) film.at = -1;
    film.timer = setInterval(() => {
      if (film.at < film.looks.length - 1) return show(film.at + 1);
      rest();
      film.follows = running();
      labelled();
    }, film.slow ? 1200 : 300);
  };
  const actions = {
    pause: () => {
      const held = still();
      rest();
      film.follows = false;
      if (!held) {
        if (running()) show(film.looks.length - 1);
        return press("learn-hold");
      }
      press("learn-let-go");
      play();
    },
    back: () => { rest(); film.follows = false; press("learn-hold"); show(Math.max(0, film.at - 1)); },
    on: () => {
      rest();
      if (film.at < film.looks.length - 1) { film.follows = false; return show(film.at + 1); }
      film.follows = true;
      if (running()) { press("learn-hold"); press("learn-once"); }
    },
    slow: () => { film.slow = !film.slow; if (film.timer || film.slow) { film.follows = false; play(); } },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".lab-stage [data-do]");
    if (!button) return;
    actions[button.dataset.do]();
    labelled();
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches?.(".lab-film")) { rest(); film.follows = +event.target.value === film.looks.length - 1 && running(); show(+event.target.value); labelled(); }
    if (event.target.matches?.("[data-layer]")) show(film.at);
  });
  addEventListener("resize", () => { if (stage()) show(film.at); });

  // A link of another tab to a preset (parts/why.py) opens this tab and plays it.
  const when = (there, then, left = 50) => { if (there()) then(there()); else if (left) setTimeout(() => when(there, then, left - 1), 100); };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#lab-"]');
    if (!link) return;
    event.preventDefault();
    const name = link.getAttribute("href").slice(5), chosen = () => document.querySelector(`#learn-preset input[value="${name}"]`);
    [...document.querySelectorAll("[role=tab]")].find((tab) => tab.textContent.trim() === link.dataset.tab)?.click();
    when(chosen, (input) => { scrollTo({ top: 0 }); if (input.checked) press("learn-go"); else input.click(); });
  });

  // The preset that is chosen already plays when it is clicked, as any other.
  let before = "";
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest?.("#learn-preset")) before = document.querySelector("#learn-preset input:checked")?.value;
  });
  document.addEventListener("click", (event) => {
    if (event.target.matches?.("#learn-preset input") && event.target.value === before && !running()) press("learn-go");
    if (event.target.matches?.("#learn-preset input")) before = "";
  });

  // A preset that was clicked is brought into sight, as what a big button makes; and its drawings when they come.
  document.addEventListener("change", (event) => {
    if (!event.target.closest?.("#learn-preset")) return;
    const top = stage().closest(".result").getBoundingClientRect().top;
    if (top < 0 || top > innerHeight / 2) scrollBy({ top: top - 12, behavior: calm() });
    film.sought = true;
  });
}
