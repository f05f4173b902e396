// What is wider than its place scrolls in a box of its own. The keyboard reaches such a box, and the
// style sheet marks it.
function markScrolling() {
  for (const box of document.querySelectorAll("figure, pre > code, .table-wrapper")) {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    box.classList.toggle("scrolls", scrolls);
    if (scrolls) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}
window.addEventListener("load", markScrolling);
window.addEventListener("resize", markScrolling);

// The ledger's page shows only the statements that contain what is typed above them.
function filterLedger() {
  const title = document.getElementById("the-ledger");
  if (!title || document.querySelectorAll("main h1").length > 1) {
    return;
  }
  const input = document.createElement("input");
  input.type = "search";
  input.className = "ledger-filter";
  input.placeholder = "Show only: a word, a package, a verdict";
  input.setAttribute("aria-label", "Show only statements that contain");
  // The arrow keys are for the text here, and not for the next chapter.
  input.addEventListener("keydown", (event) => event.stopPropagation());
  const headings = [...document.querySelectorAll("main h2")];
  const statements = headings.map((heading) => {
    const parts = [heading];
    for (let next = heading.nextElementSibling; next && next.tagName !== "H2"; ) {
      parts.push(next);
      next = next.nextElementSibling;
    }
    return { parts, text: parts.map((part) => part.textContent).join(" ").toLowerCase() };
  });
  input.addEventListener("input", () => {
    for (const { parts, text } of statements) {
      const hidden = !text.includes(input.value.toLowerCase());
      parts.forEach((part) => (part.hidden = hidden));
    }
  });
  headings[0]?.before(input);
}
window.addEventListener("load", filterLedger);
