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
}
