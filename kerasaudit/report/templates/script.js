
"use strict";
// Sorting and searching of the tables that the page holds already; without it they read as well.
for (const section of document.querySelectorAll(".table")) {
  const body = section.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...section.querySelectorAll("thead th")];
  const tools = section.querySelector(".tools");
  const input = tools.querySelector("input");
  const order = tools.querySelector(".order");
  const output = tools.querySelector("output");
  const texts = rows.map((row) => row.textContent.toLowerCase());

  const figure = (text) => {
    const number = text.replace(/[,\s%]/g, "");
    return /^[-+]?\d+(\.\d+)?$/.test(number) ? Number(number) : null;
  };
  // Figures by size, words by letter; what is unknown stands last in either direction.
  const compare = (one, other, sign) => {
    const [a, b] = [figure(one), figure(other)];
    if (a !== null && b !== null) return sign * (a - b);
    if (a !== null || b !== null) return a === null ? 1 : -1;
    return sign * one.localeCompare(other, "en", { numeric: true });
  };
  const arrange = (sorted) => body.append(...sorted);
  const restore = () => {
    for (const head of heads) head.removeAttribute("aria-sort");
    order.disabled = true;
    arrange(rows);
  };
  const sort = (index) => {
    const head = heads[index];
    const numeric = head.classList.contains("n") && index > 0;
    const first = numeric ? "descending" : "ascending";
    const second = numeric ? "ascending" : "descending";
    const now = head.getAttribute("aria-sort");
    if (now === second) return restore();
    for (const other of heads) other.removeAttribute("aria-sort");
    const direction = now === first ? second : first;
    head.setAttribute("aria-sort", direction);
    order.disabled = false;
    const sign = direction === "ascending" ? 1 : -1;
    const key = (row) => row.cells[index].textContent.trim();
    arrange([...rows].sort((a, b) => compare(key(a), key(b), sign)));
  };
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    output.textContent = words.length ? `${shown} of ${rows.length} ${section.dataset.noun}` : "";
  };

  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(index));
    head.replaceChildren(button);
  });
  input.addEventListener("input", search);
  order.addEventListener("click", restore);
  order.disabled = true;
  tools.hidden = false;
  section.classList.add("live");
}
