// The little that a page must do itself: a PNG of ours dropped anywhere on a tab brings its settings back; a link is copied.
() => {
  const isPicture = (event) => [...(event.dataTransfer?.items || [])].some((item) => item.kind === "file");
  const panelOf = (target) => target.closest?.("[role=tabpanel]");
  const takesFiles = (target) => target.closest?.("[data-testid=file-upload], .upload-box, .image-container");
  document.addEventListener("dragover", (event) => {
    const panel = panelOf(event.target);
    if (!panel || !isPicture(event) || takesFiles(event.target)) return;
    event.preventDefault();
    panel.classList.add("drop-here");
  });
  document.addEventListener("dragleave", (event) => panelOf(event.target)?.classList.remove("drop-here"));
  document.addEventListener("drop", (event) => {
    const panel = panelOf(event.target);
    if (!panel || !isPicture(event) || takesFiles(event.target)) return;
    event.preventDefault();
    panel.classList.remove("drop-here");
    const input = panel.querySelector(".restore")?.parentElement.querySelector("input[type=file]");
    if (!input) return;
    const files = new DataTransfer();
    files.items.add(event.dataTransfer.files[0]);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // Gradio's page keeps a status of every input of every event that is over, and looks all of them up at each message of any event: of ours none shows it.
  const tracker = performance.getEntriesByType("resource").find((file) => /\/statustracker-[^/]+\.js$/.test(file.name));
  if (tracker) import(tracker.name).then((parts) => {
    const statuses = Object.values(parts).flatMap((part) => [part, part?.LoadingStatus]).find((part) => part?.prototype?.resolve_args)?.prototype;
    if (!statuses) return;
    const all = statuses.resolve_args;
    statuses.resolve_args = function (told) { return all.call(this, { ...told, stream_state: null }); };
  });

  // Whichever way a tab is opened, and however the window is turned, its name stands in the row of names.
  const opened = "#tabs .tab-container button.selected";
  const named = (name) => {
    const row = name.parentElement;
    row.scrollLeft = name.offsetLeft - row.offsetLeft - (row.clientWidth - name.offsetWidth) / 2;
  };
  new MutationObserver((changes) => changes.forEach(({ target }) => target.matches(opened) && named(target)))
    .observe(document.documentElement, { subtree: true, attributeFilter: ["class"] });
  addEventListener("resize", () => document.querySelectorAll(opened).forEach(named));

  // Every press is answered where the person looks: what it makes is brought into sight, and a refusal stands right under what was pressed.
  const MARGIN = 12, SETTLED = 800, calm = matchMedia("(prefers-reduced-motion: reduce)"), behavior = () => (calm.matches ? "auto" : "smooth");
  let pressed = null, at = null, awaited = false; // what was pressed last, and where; and whether nobody has scrolled since, nor anything come
  let followed = false; // whether nobody has scrolled by hand since
  const press = (what) => {
    pressed = what;
    at = panelOf(what);
    awaited = followed = true;
    panelOf(what)?.querySelectorAll(".answer").forEach((answer) => answer.remove());
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[role=tabpanel] button");
    if (!button) return;
    press(button);
    if (!button.matches(".primary")) return;
    const result = button.closest(".room")?.querySelector(".result") ?? button.closest(".arena")?.querySelector(".clock");
    const top = result?.getBoundingClientRect().top;
    if (!result || (top >= 0 && top < innerHeight / 3)) return;
    const first = Math.min(top, button.getBoundingClientRect().top);
    scrollBy({ top: first - MARGIN, behavior: behavior() });
  });
  ["change", "drop"].forEach((name) => document.addEventListener(name, (event) => {
    const box = event.target.closest?.("[role=tabpanel] .block");
    if (box?.querySelector("input[type=file]")) press(box);
  }, true));
  ["wheel", "touchmove"].forEach((name) => addEventListener(name, () => { awaited = followed = false; }, { passive: true }));
  document.addEventListener("load", (event) => {
    const block = event.target.closest?.(".block, .html-container");
    if (!awaited || !block || block.closest(".controls, .more") || !pressed || panelOf(block) !== panelOf(pressed)) return;
    awaited = false;
    const { top, bottom } = block.getBoundingClientRect();
    if (top > innerHeight - 60 || bottom < 60) block.scrollIntoView({ block: "nearest", behavior: behavior() });
  }, true);
  const answered = (refusal) => {
    // a button that made way for Stop came back as another one
    if (pressed?.id && !pressed.isConnected) pressed = document.getElementById(pressed.id) ?? pressed;
    if (!pressed?.isConnected || panelOf(refusal) !== panelOf(pressed) || refusal.closest(".answer, [id$=-price]")) return;
    const place = pressed.closest(".actions, .pair") ?? pressed, answer = document.createElement("div");
    panelOf(pressed).querySelectorAll(".answer").forEach((old) => old.remove());
    answer.className = "answer";
    answer.append(refusal.cloneNode(true));
    place.after(answer);
    refusal.classList.add("moved");
    const seek = () => {
      const { top, bottom } = answer.getBoundingClientRect();
      if (followed && (top < 0 || bottom > innerHeight)) answer.scrollIntoView({ block: "nearest", behavior: behavior() });
    };
    seek();
    setTimeout(seek, SETTLED); // the press itself may have set the page in motion
  };
  // What a press has made is read out once, in one sentence; its steps are not.
  const told = document.body.appendChild(Object.assign(document.createElement("div"), { className: "told" }));
  told.setAttribute("role", "status");
  const read = (line) => {
    const sentence = line.firstChild?.textContent.trim();
    if (!sentence || line.dataset.told === sentence) return;
    line.dataset.told = sentence;
    if (panelOf(line) === at) told.textContent = sentence;
  };
  // What runs can be stopped where the person looks: while the tab's own Stop is out of sight, one stands in the corner.
  const afloat = document.body.appendChild(Object.assign(document.createElement("button"), { className: "afloat", hidden: true }));
  const running = () => [...document.querySelectorAll("[role=tabpanel] button.stop")].find((stop) => stop.offsetParent);
  let due = false;
  const floats = () => {
    due = false;
    const stop = running(), { top, bottom } = stop?.getBoundingClientRect() ?? {};
    afloat.hidden = !stop || (top >= 0 && bottom <= innerHeight);
    if (stop && afloat.textContent !== stop.textContent) afloat.textContent = stop.textContent;
  };
  afloat.addEventListener("click", () => running()?.click());
  const floatsSoon = () => { if (!due) requestAnimationFrame(floats); due = true; }; // once a frame: it asks where things lie
  ["scroll", "resize"].forEach((name) => addEventListener(name, floatsSoon, { passive: true }));
  // One group, one place of the keyboard, and arrows inside it: Gradio gives each of its radio buttons a name of its own.
  const grouped = (group) => {
    const [first, ...others] = group.querySelectorAll("input[type=radio]");
    for (const other of others) if (other.name !== first.name) other.name = first.name;
  };
  // Gradio changes what stands there already, classes and words too
  new MutationObserver(() => {
    document.querySelectorAll("[role=tabpanel] fieldset").forEach(grouped);
    document.querySelectorAll("[role=tabpanel] .refusal[role=alert]:not(.moved)").forEach(answered);
    document.querySelectorAll("[role=tabpanel] .line.said").forEach(read);
    floatsSoon();
  })
    .observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"], characterData: true });

  // The shelf: faces that were kept and the latest recipes, each a link with a small picture, in this browser only.
  const SHELF = { kept: 24, latest: 50 }, THUMB = 72, place = (name) => "ganapps-" + name;
  const stored = (name) => { try { return JSON.parse(localStorage.getItem(place(name))) ?? []; } catch { return []; } };
  const put = (name, link, picture) => {
    if (!link || !picture?.naturalWidth) return;
    const canvas = Object.assign(document.createElement("canvas"), { width: THUMB, height: THUMB });
    canvas.getContext("2d").drawImage(picture, 0, 0, THUMB, THUMB);
    const others = stored(name).filter((one) => one.link !== link);
    try { localStorage.setItem(place(name), JSON.stringify([{ link, small: canvas.toDataURL("image/webp", 0.8) }, ...others].slice(0, SHELF[name]))); } catch { /* full, or not allowed */ }
    fill();
  };
  const fill = () => {
    const shelf = document.querySelector(".shelf");
    if (!shelf) return;
    let any = false;
    shelf.querySelectorAll("[data-shelf]").forEach((row) => {
      const items = stored(row.dataset.shelf);
      row.hidden = !items.length;
      any ||= items.length > 0;
      row.querySelector(".thumbs").replaceChildren(...items.filter(({ link }) => link.startsWith("?")).map(({ link, small }) => {
        const anchor = Object.assign(document.createElement("a"), { href: link, title: new URLSearchParams(link).get("seed") ?? "" });
        anchor.append(Object.assign(new Image(), { src: small, alt: anchor.title || "recipe" }));
        return anchor;
      }));
    });
    shelf.querySelector("p").hidden = !any;
    shelf.dataset.filled = "yes";
  };
  window.ganapps = { remember: (link) => setTimeout(() => put("latest", link, document.querySelector("#faces-wall .thumbnail-item img")), 600) };
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#faces-keep")) {
      const one = document.querySelector("#faces-one .chosen");
      put("kept", one?.dataset.link, one?.querySelector("img"));
    }
    if (event.target.closest?.(".shelf .clear")) {
      Object.keys(SHELF).forEach((name) => localStorage.removeItem(place(name)));
      fill();
    }
  });
  new MutationObserver(() => { if (document.querySelector(".shelf:not([data-filled])")) fill(); }).observe(document.documentElement, { childList: true, subtree: true });

  // Before and after: a range input moves the edge, so keyboard and touch work; the lens shows both at their own pixels, twice enlarged.
  document.addEventListener("input", (event) => {
    const figure = event.target.closest?.(".compare");
    if (figure) figure.style.setProperty("--at", event.target.value + "%");
    if (event.target.matches?.(".scrub")) {
      const lane = event.target.closest(".scrub-row").parentElement, frame = lane.querySelectorAll(".film-strip img")[event.target.value];
      lane.querySelector(".guess").src = frame.src;
      lane.querySelector(".noise").src = frame.dataset.noise;
      lane.querySelector(".scrub-row output").textContent = frame.dataset.step;
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".lens-button");
    if (!button) return;
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on);
    if (!on) button.closest(".compare").classList.remove("looking");
  });
  document.addEventListener("pointermove", (event) => {
    const figure = event.target.closest?.(".compare");
    if (!figure || figure.querySelector(".lens-button").getAttribute("aria-pressed") !== "true") return;
    const [before, after] = figure.querySelectorAll("img"), lens = figure.querySelector(".lens"), box = after.getBoundingClientRect();
    const zoom = Math.min(box.width / after.naturalWidth, box.height / after.naturalHeight);
    const shown = { width: after.naturalWidth * zoom, height: after.naturalHeight * zoom };
    const x = (event.clientX - box.left - (box.width - shown.width) / 2) / shown.width, y = (event.clientY - box.top - (box.height - shown.height) / 2) / shown.height;
    if (x < 0 || y < 0 || x > 1 || y > 1) { figure.classList.remove("looking"); return; }
    figure.classList.add("looking");
    lens.style.left = event.clientX - box.left + "px";
    lens.style.top = event.clientY - box.top + "px";
    const width = after.naturalWidth * 2, height = after.naturalHeight * 2;
    const [left, right] = lens.children, mixed = !figure.matches(".see-through");
    [[left, before], [right, mixed ? before : after], [right.firstChild, after]].forEach(([half, picture]) => {
      half.style.backgroundImage = `url("${picture.src}")`;
      half.style.backgroundSize = `${width}px ${height}px`;
      half.style.backgroundPosition = `${half.clientWidth / 2 - x * width}px ${half.clientHeight / 2 - y * height}px`;
    });
  });
  document.addEventListener("pointerout", (event) => {
    const figure = event.target.closest?.(".compare");
    if (figure && !figure.contains(event.relatedTarget)) figure.classList.remove("looking");
  });

  // A picture box draws two megapixels at most: a larger picture is replaced by a small copy of it, which says how large it really is.
  const MOST = 2e6, ownSize = (picture) => ({ width: +picture.dataset.width || picture.naturalWidth, height: +picture.dataset.height || picture.naturalHeight });
  const showCopy = (picture, small, width, height) => {
    const copy = URL.createObjectURL(small);
    Object.assign(picture.dataset, { copy, width, height });
    picture.addEventListener("load", () => URL.revokeObjectURL(copy), { once: true });
    picture.src = copy;
  };
  document.addEventListener("load", (event) => {
    const picture = event.target, address = picture.src;
    if (!picture.matches?.(".picture-box img") || picture.dataset.copy === address) return;
    ["copy", "width", "height"].forEach((name) => delete picture.dataset[name]);
    const { naturalWidth: width, naturalHeight: height } = picture, share = Math.sqrt(MOST / (width * height));
    if (!(share < 1)) return;
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.floor(width * share));
    canvas.height = Math.max(1, Math.floor(height * share));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((small) => { if (picture.src === address) showCopy(picture, small, width, height); });
  }, true);

  // What the browser can't show, such as a TIFF, the app shows it small; the file itself stays what is worked on.
  document.addEventListener("error", async (event) => {
    const picture = event.target, address = picture.src;
    if (!picture.matches?.(".picture-box img") || !address.includes("/gradio_api/file=")) return;
    if (picture === box() && field()?.value) write([]);
    const answer = await fetch(address.replace("/gradio_api/file=", "/gradio_api/shown="));
    if (picture.src !== address) return;
    if (answer.headers.has("x-width")) showCopy(picture, await answer.blob(), answer.headers.get("x-width"), answer.headers.get("x-height"));
    else picture.alt = await answer.text();
  }, true);

  // A crop: a rectangle dragged on the picture, or a square around a click; its numbers stand in a field, where they can be typed too.
  const SIDE = 96, box = () => document.querySelector("#upscale-picture .image-frame img"), field = () => document.querySelector("#upscale-crop :is(input, textarea)");
  let from = null;
  const shownPart = (picture) => {
    const around = picture.getBoundingClientRect(), { width, height } = ownSize(picture), most = getComputedStyle(picture).objectFit === "scale-down" ? picture.naturalWidth / width : Infinity;
    const zoom = Math.min(around.width / width, around.height / height, most);
    return { zoom, left: around.left + (around.width - width * zoom) / 2, top: around.top + (around.height - height * zoom) / 2 };
  };
  Object.assign(window.ganapps, { ownSize, shownPart });
  const frame = (numbers) => {
    const picture = box(), parent = picture?.parentElement;
    if (!parent) return;
    const mark = parent.querySelector(".crop-frame") || parent.appendChild(Object.assign(document.createElement("span"), { className: "crop-frame" }));
    mark.hidden = numbers.length !== 4;
    if (mark.hidden) return;
    const { zoom, left, top } = shownPart(picture), outer = parent.getBoundingClientRect();
    [["left", left - outer.left + numbers[0] * zoom], ["top", top - outer.top + numbers[1] * zoom], ["width", numbers[2] * zoom], ["height", numbers[3] * zoom]]
      .forEach(([name, pixels]) => { mark.style[name] = pixels + "px"; });
  };
  const write = (numbers) => {
    const input = field();
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value").set.call(input, numbers.join(", "));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const dragged = (event) => {
    const picture = box(), { zoom, left, top } = shownPart(picture), { width, height } = ownSize(picture);
    const at = ([x, y]) => [Math.min(Math.max(Math.round((x - left) / zoom), 0), width), Math.min(Math.max(Math.round((y - top) / zoom), 0), height)];
    const [x, y] = at(from), [toX, toY] = at([event.clientX, event.clientY]);
    if (Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4 && toX !== x && toY !== y)
      return [Math.min(x, toX), Math.min(y, toY), Math.abs(toX - x), Math.abs(toY - y)];
    const [w, h] = [Math.min(SIDE, width), Math.min(SIDE, height)];
    return [Math.max(0, Math.min(x - (w >> 1), width - w)), Math.max(0, Math.min(y - (h >> 1), height - h)), w, h];
  };
  document.addEventListener("pointerdown", (event) => {
    if (event.button || event.target !== box() || !event.target.naturalWidth) return;
    event.preventDefault();
    event.target.setPointerCapture(event.pointerId);
    from = [event.clientX, event.clientY];
  });
  document.addEventListener("pointermove", (event) => { if (from && box()) frame(dragged(event)); });
  document.addEventListener("pointerup", (event) => { if (from && box()) write(dragged(event)); from = null; });
  document.addEventListener("pointercancel", () => { from = null; });
  document.addEventListener("dragstart", (event) => { if (event.target === box()) event.preventDefault(); });
  document.addEventListener("input", (event) => { if (event.target === field()) frame((event.target.value.match(/\d+/g) || []).map(Number)); });
  document.addEventListener("load", (event) => { if (event.target === box() && field()?.value && event.target.dataset.copy !== event.target.src) write([]); }, true);
}
