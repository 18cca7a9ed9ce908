// The Lab's curves: small charts over the steps of the runs, each with its numbers as a table; and the pad to draw points on.
() => {
  const RUNS = ["--lab-first", "--lab-second", "--lab-third", "--lab-fourth"], DASHES = [[], [5, 4], [1.5, 3]];
  const BOTTOM = 20, TOP = 8, RIGHT = 8, MOST_ROWS = 40, FEW = 0.05;
  const short = (value) => (value === undefined || value === null ? "–" : Math.abs(value) >= 0.01 || value === 0 ? String(+value.toPrecision(3)) : value.toExponential(1));

  const there = (film, chart) => chart.lines.filter(([name]) => film.rows.some((runs) => runs.some((run) => typeof run[name] === "number" && (run[name] || !chart.used))));

  const built = (holder, charts, say) => {
    const names = charts.map((chart) => chart.title).join();
    if (holder.dataset.names === names) return;
    holder.dataset.names = names;
    holder.replaceChildren(...charts.map((chart) => {
      const figure = document.createElement("figure");
      figure.innerHTML = '<figcaption></figcaption><canvas role="img"></canvas><details><summary></summary><div class="numbers"></div></details>';
      figure.querySelector("figcaption").textContent = chart.title;
      figure.querySelector("summary").textContent = say.table;
      return figure;
    }));
  };

  // of most values, where a few large ones at the start would leave the others flat
  const scale = (chart, values) => {
    const sorted = [...values].sort((one, other) => one - other), edge = chart.most ? Math.floor(sorted.length * FEW) : 0;
    let low = chart.low ?? sorted[edge], high = chart.high ?? sorted[sorted.length - 1 - edge];
    if (chart.log) [low, high] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high) + 1e-9)];
    if (high - low < 1e-6) [low, high] = [low - 0.5, high + 0.5];
    return { low, high };
  };

  const draw = (canvas, chart, film, at, lines, colour) => {
    const box = canvas.getBoundingClientRect(), dense = devicePixelRatio || 1, pen = canvas.getContext("2d");
    Object.assign(canvas, { width: Math.round(box.width * dense), height: Math.round(box.height * dense) });
    pen.scale(dense, dense);
    const values = [], steps = [];
    for (const runs of film.rows) for (const run of runs) {
      steps.push(run.step || 0);
      for (const [name] of lines) if (typeof run[name] === "number" && (!chart.log || run[name] > 0)) values.push(run[name]);
    }
    if (!values.length) return;
    const { low, high } = scale(chart, values), longest = Math.max(1, ...steps);
    pen.font = "11px ui-monospace, monospace";
    const marks = [0, 0.5, 1].map((share) => {
      const value = low + share * (high - low), place = chart.log ? 10 ** value : value;
      return { place, text: chart.log ? place.toExponential(0) : short(place) };
    });
    const LEFT = 8 + Math.max(34, ...marks.map(({ text }) => pen.measureText(text).width));
    const x = (step) => LEFT + (step / longest) * (box.width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - ((chart.log ? Math.log10(Math.max(value, 1e-30)) : value) - low) / (high - low)) * (box.height - TOP - BOTTOM);
    pen.fillStyle = colour("--body-text-color-subdued");
    pen.strokeStyle = colour("--border-color-primary");
    pen.textAlign = "right";
    for (const { place, text } of marks) {
      pen.beginPath();
      pen.moveTo(LEFT, y(place));
      pen.lineTo(box.width - RIGHT, y(place));
      pen.stroke();
      pen.fillText(text, LEFT - 5, y(place) + 4);
    }
    pen.fillText(String(longest), box.width - RIGHT, box.height - 4);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, TOP - 2, box.width - LEFT, box.height - TOP - BOTTOM + 4);
    pen.clip();
    film.rows[0].forEach((_, place) => lines.forEach(([name], line) => {
      pen.strokeStyle = colour(RUNS[place]);
      pen.lineWidth = line ? 1.3 : 1.8;
      pen.setLineDash(DASHES[line]);
      pen.beginPath();
      let begun = false;
      for (const runs of film.rows) {
        const value = runs[place]?.[name];
        if (typeof value !== "number" || (chart.log && value <= 0)) continue;
        const spot = [x(runs[place].step || 0), y(value)];
        if (begun) pen.lineTo(...spot); else pen.moveTo(...spot);
        begun = true;
      }
      pen.stroke();
    }));
    pen.restore();
    pen.setLineDash([2, 3]);
    pen.strokeStyle = colour("--body-text-color-subdued");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x(at), TOP);
    pen.lineTo(x(at), box.height - BOTTOM);
    pen.stroke();
  };

  const described = (chart, film, names, lines) => {
    const last = film.rows[film.rows.length - 1];
    return `${chart.title}: ` + names.map((name, place) => `${name} ${lines.map(([number, word]) => `${word} ${short(last[place]?.[number])}`).join(", ")}`).join("; ");
  };

  const table = (film, names, lines, say) => {
    const every = Math.ceil(film.rows.length / MOST_ROWS), made = document.createElement("table");
    made.className = "card";
    const head = made.createTHead().insertRow();
    const cell = (text, kind, scope) => Object.assign(document.createElement(kind), { textContent: text, ...(scope && { scope }) });
    head.append(...[say.steps, ...names.flatMap((name) => lines.map(([, word]) => `${name} ${word}`))].map((text) => cell(text, "th", "col")));
    const body = made.createTBody();
    film.rows.forEach((runs, number) => {
      if (number % every && number !== film.rows.length - 1) return;
      body.insertRow().append(cell(runs[0].step, "th", "row"), ...names.flatMap((_, place) => lines.map(([name]) => cell(short(runs[place]?.[name]), "td"))));
    });
    return made;
  };

  window.ganappsCurves = (stage, film, look) => {
    const say = JSON.parse(stage.dataset.words), holder = document.querySelector("#learn-charts .lab-curves");
    const charts = JSON.parse(holder.dataset.curves).filter((chart) => there(film, chart).length);
    const colour = (name) => getComputedStyle(stage).getPropertyValue(name).trim();
    built(holder, charts, say);
    [...holder.children].forEach((figure, i) => {
      const lines = there(film, charts[i]), canvas = figure.querySelector("canvas");
      const key = lines.filter(([, word]) => word).map(([, word], line) => `${["—", "– –", "···"][line]} ${word}`).join("  ");
      figure.querySelector("figcaption").textContent = key ? `${charts[i].title}  ${key}` : charts[i].title;
      canvas.setAttribute("aria-label", described(charts[i], film, look.names, lines));
      draw(canvas, charts[i], film, look.runs[0].step, lines, colour);
      const holds = figure.querySelector(".numbers");
      figure.querySelector("details").ontoggle = () => holds.replaceChildren(table(film, look.names, lines, say));
      if (figure.querySelector("details").open) holds.replaceChildren(table(film, look.names, lines, say));
    });
  };

  // -- the pad: a drag leaves points, which stand in the field below it

  const EXTENT = 2.2, NEAR = 0.06, MOST = 2000;
  const field = () => document.querySelector("#learn-points textarea"), pad = () => document.querySelector(".lab-pad canvas");
  const read = () => (field()?.value || "").split("\n").map((line) => line.split(/[\s,;]+/).map(Number)).filter((place) => place.length === 2 && place.every(Number.isFinite));
  const dots = (places) => {
    const pen = pad().getContext("2d"), side = pad().width;
    pen.clearRect(0, 0, side, side);
    pen.fillStyle = getComputedStyle(pad()).color;
    for (const [x, y] of places) {
      pen.beginPath();
      pen.arc(((x / EXTENT + 1) / 2) * side, ((1 - y / EXTENT) / 2) * side, 3, 0, 2 * Math.PI);
      pen.fill();
    }
  };
  const write = (places) => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(field(), places.map(([x, y]) => `${+x.toFixed(3)}, ${+y.toFixed(3)}`).join("\n"));
    field().dispatchEvent(new Event("input", { bubbles: true }));
  };
  // a field that was filled while the pad was not there yet
  window.ganappsPad = () => {
    const canvas = pad();
    if (!canvas || !field() || canvas.dataset.shown === field().value) return;
    canvas.dataset.shown = field().value;
    dots(read());
  };
  let drawn = null;
  const add = (event) => {
    const box = pad().getBoundingClientRect();
    const at = [((event.clientX - box.left) / box.width) * 2 * EXTENT - EXTENT, EXTENT - ((event.clientY - box.top) / box.height) * 2 * EXTENT];
    const last = drawn[drawn.length - 1];
    if (at.some((value) => Math.abs(value) > EXTENT) || drawn.length >= MOST || (last && Math.hypot(at[0] - last[0], at[1] - last[1]) < NEAR)) return;
    drawn.push(at);
    dots(drawn);
  };
  document.addEventListener("pointerdown", (event) => {
    if (event.button || event.target !== pad()) return;
    event.preventDefault();
    pad().setPointerCapture(event.pointerId);
    drawn = read();
    add(event);
  });
  document.addEventListener("pointermove", (event) => { if (drawn && pad()) add(event); });
  document.addEventListener("pointerup", () => { if (drawn) write(drawn); drawn = null; });
  document.addEventListener("pointercancel", () => { drawn = null; });
  document.addEventListener("click", (event) => { if (event.target.closest?.(".lab-pad button")) write([]); });
  document.addEventListener("input", (event) => { if (event.target === field() && pad()) dots(read()); });
}
