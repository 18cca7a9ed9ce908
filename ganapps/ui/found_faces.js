// The switches beside the faces that were found: each puts its square into the field of squares, or takes it out. The field is the
// setting; who edits it sees the ticks follow.
() => {
  const field = () => document.querySelector("#restore-heads :is(textarea, input)");
  const squares = (text) => text.split(/[;；\n]/).map((part) => (part.match(/-?\d+/g) || []).join(", ")).filter(Boolean);
  const write = (text) => {
    const input = field();
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(input), "value").set.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  document.addEventListener("change", ({ target }) => {
    if (!target.matches?.("#restore-found input")) return;
    const others = squares(field().value).filter((square) => square !== target.dataset.square);
    write([...others, ...(target.checked ? [target.dataset.square] : [])].join("; "));
  });
  document.addEventListener("input", ({ target }) => {
    if (target !== field()) return;
    const there = squares(target.value);
    document.querySelectorAll("#restore-found input").forEach((box) => { box.checked = there.includes(box.dataset.square); });
  });
}
