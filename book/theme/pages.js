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

// The ledger's page shows only the statements that fit the verdict, the chapter and the words that are
// chosen above them.
function filterLedger() {
  const title = document.getElementById("the-ledger");
  if (!title || document.querySelectorAll("main h1").length > 1) {
    return;
  }
  const headings = [...document.querySelectorAll("main h2")];
  const statements = headings.map((heading) => {
    const parts = [heading];
    for (let next = heading.nextElementSibling; next && next.tagName !== "H2"; ) {
      parts.push(next);
      next = next.nextElementSibling;
    }
    // The line below a statement: its name, the verdict, the chapter.
    const line = heading.nextElementSibling;
    return {
      parts,
      verdict: line?.querySelector("strong")?.textContent ?? "",
      chapter: line?.querySelector("a")?.textContent ?? "",
      text: parts.map((part) => part.textContent).join(" ").toLowerCase(),
    };
  });
  const box = document.createElement("div");
  box.className = "ledger-filter";
  box.setAttribute("role", "search");
  box.setAttribute("aria-label", "Statements");
  const label = (text, field) => {
    const label = document.createElement("label");
    label.append(text, field);
    box.append(label);
    // The arrow keys are for the field here, and not for the next chapter.
    field.addEventListener("keydown", (event) => event.stopPropagation());
    field.addEventListener("input", show);
    return field;
  };
  const choice = (text, all, values) => {
    const field = document.createElement("select");
    field.add(new Option(all, ""));
    for (const value of [...new Set(values)].filter(Boolean).sort()) {
      field.add(new Option(value, value));
    }
    return label(text, field);
  };
  const shown = document.createElement("p");
  shown.setAttribute("role", "status");
  function show() {
    const words = input.value.toLowerCase();
    let count = 0;
    for (const { parts, verdict, chapter, text } of statements) {
      const fits =
        (!verdicts.value || verdicts.value === verdict) &&
        (!chapters.value || chapters.value === chapter) &&
        text.includes(words);
      parts.forEach((part) => (part.hidden = !fits));
      count += fits;
    }
    shown.textContent = `${count} of ${statements.length} statements`;
  }
  const verdicts = choice("Verdict", "any", statements.map((one) => one.verdict));
  const chapters = choice("Chapter", "any", statements.map((one) => one.chapter));
  const input = document.createElement("input");
  input.type = "search";
  label("Words", input);
  box.append(shown);
  show();
  headings[0]?.before(box);
}
window.addEventListener("load", filterLedger);

// mdBook's bar above the page is a landmark, and its label that opens the side bar becomes a button,
// which the keyboard reaches. mdBook's script goes on listening to the label.
function nameTheBar() {
  document.getElementById("mdbook-menu-bar")?.setAttribute("role", "banner");
  const label = document.getElementById("mdbook-sidebar-toggle");
  const box = document.getElementById("mdbook-sidebar-toggle-anchor");
  if (!label || !box) {
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  for (const name of ["id", "class", "title", "aria-label", "aria-controls"]) {
    button.setAttribute(name, label.getAttribute(name) ?? "");
  }
  button.append(...label.childNodes);
  const tell = () => button.setAttribute("aria-expanded", String(box.checked));
  button.addEventListener("click", () => {
    label.click();
    box.click();
  });
  box.addEventListener("change", tell);
  tell();
  label.removeAttribute("for");
  label.replaceWith(button);
}
window.addEventListener("load", nameTheBar);
