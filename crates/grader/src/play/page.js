// Walks through the steps of each execution. Without this script the table says all of them.
for (const section of document.querySelectorAll("section.walk")) {
  const boards = [...section.querySelectorAll(".board")];
  const rows = [...section.querySelectorAll("tr[data-step]")];
  const button = (name) => section.querySelector("." + name);
  const where = section.querySelector(".where");
  let at = 0;
  const show = (step) => {
    at = Math.max(0, Math.min(step, boards.length - 1));
    boards.forEach((board, number) => (board.hidden = number !== at));
    for (const row of rows) {
      const step = Number(row.dataset.step);
      row.classList.toggle("done", step <= at);
      row.classList.toggle("now", step === at);
    }
    const now = rows[at - 1];
    const cells = now ? [...now.children].map((cell) => cell.innerText.trim()) : [];
    const heads = [...section.querySelectorAll(".steps thead th")].map((cell) => cell.innerText);
    const said = cells.map((cell, number) => (number && cell ? `${heads[number]}: ${cell}` : ""));
    where.textContent = now
      ? `Step ${cells[0]} of ${rows[rows.length - 1].cells[0].innerText}. ${said.filter(Boolean).join("; ")}`
      : "Before the first step.";
    button("back").disabled = at === 0;
    button("next").disabled = at === boards.length - 1;
  };
  button("back").onclick = () => show(at - 1);
  button("next").onclick = () => show(at + 1);
  button("first").onclick = () => show(0);
  button("last").onclick = () => show(boards.length - 1);
  document.addEventListener("keydown", (event) => {
    // What scrolls has the arrows for itself.
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("pre, .scroll")) return;
    if (event.key === "ArrowRight") show(at + 1);
    else if (event.key === "ArrowLeft") show(at - 1);
    else return;
    event.preventDefault();
  });
  section.querySelector(".controls").hidden = false;
  section.classList.add("stepping");
  show(0);
}
