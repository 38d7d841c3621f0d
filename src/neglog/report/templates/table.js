"use strict";
// Tables are complete without this script: it adds buttons that sort, and a field that filters.

const collator = new Intl.Collator(undefined, { numeric: true });

function number(text) {
  const plain = text.replaceAll("−", "-").replace("∞", "Infinity").replaceAll(",", "");
  return plain.trim() === "" ? NaN : Number(plain);
}

function sort(table, column, descending) {
  const body = table.tBodies[0];
  const keyed = Array.from(body.rows, (row) => [row.cells[column].textContent, row]);
  const numeric = keyed.every(([text]) => !Number.isNaN(number(text)));
  const order = numeric
    ? (a, b) => number(a[0]) - number(b[0]) || 0
    : (a, b) => collator.compare(a[0], b[0]);
  keyed.sort(descending ? (a, b) => order(b, a) : order);
  body.append(...keyed.map(([, row]) => row));
}

function makeSortable(table) {
  const headers = Array.from(table.tHead.rows[0].cells);
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      sort(table, column, descending);
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    });
  });
}

function makeFilterable(table, tools) {
  const rows = Array.from(table.tBodies[0].rows);
  const texts = rows.map((row) =>
    Array.from(row.cells, (cell) => cell.textContent).join(" ").toLowerCase());
  const field = tools.querySelector("input");
  const status = tools.querySelector("output");
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    let count = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      count += row.hidden ? 0 : 1;
    });
    status.textContent = `${count} of ${rows.length} rows shown`;
  };
  field.addEventListener("input", show);
  tools.hidden = false;
  show();
}

for (const table of document.querySelectorAll("table.sortable")) {
  makeSortable(table);
  makeFilterable(table, document.querySelector(".tools"));
}
