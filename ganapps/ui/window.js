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

  // Before and after: a range input moves the edge, so keyboard and touch work; the lens shows both at their own pixels, twice enlarged.
  document.addEventListener("input", (event) => {
    const figure = event.target.closest?.(".compare");
    if (figure) figure.style.setProperty("--at", event.target.value + "%");
    if (event.target.matches?.(".scrub")) {
      const lane = event.target.parentElement, frame = lane.querySelectorAll(".film-strip img")[event.target.value];
      lane.querySelector(".guess").src = frame.src;
      lane.querySelector(".noise").src = frame.dataset.noise;
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
    [before, after].forEach((picture, index) => {
      const half = lens.children[index];
      half.style.backgroundImage = `url("${picture.src}")`;
      half.style.backgroundSize = `${width}px ${height}px`;
      half.style.backgroundPosition = `${half.clientWidth / 2 - x * width}px ${half.clientHeight / 2 - y * height}px`;
    });
  });
  document.addEventListener("pointerout", (event) => {
    const figure = event.target.closest?.(".compare");
    if (figure && !figure.contains(event.relatedTarget)) figure.classList.remove("looking");
  });
}
