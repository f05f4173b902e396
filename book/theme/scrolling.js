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
