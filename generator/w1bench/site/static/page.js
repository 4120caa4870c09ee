// What every page gains by a script: tabs, copy buttons, tables that sort, and filters. Without it all of it stands in the page.
"use strict";
(() => {
  const make = (name, attributes, text) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  for (const element of document.querySelectorAll(".needs-script")) element.hidden = false;

  // Commands of pages that no service serves name the place where these lie.
  if (document.body.dataset.root) {
    const root = new URL(document.body.dataset.root, document.baseURI);
    const place = (root.protocol === "file:" ? decodeURIComponent(root.pathname) : root.href).replace(/\/$/, "");
    for (const code of document.querySelectorAll("code")) {
      if (code.textContent.includes("ADDRESS")) code.textContent = code.textContent.replaceAll("ADDRESS", place);
    }
  }

  for (const code of document.querySelectorAll(".code")) {
    const button = make("button", { type: "button", class: "copy" }, "Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    code.append(button);
  }

  for (const [number, tabs] of document.querySelectorAll("[data-tabs]").entries()) {
    const list = make("div", { class: "tablist", role: "tablist", "aria-label": "Languages" });
    const panels = [...tabs.querySelectorAll(".tab")];
    const show = (chosen) => {
      panels.forEach((panel, index) => {
        panel.hidden = index !== chosen;
        const button = list.children[index];
        button.setAttribute("aria-selected", String(index === chosen));
        button.tabIndex = index === chosen ? 0 : -1;
      });
    };
    panels.forEach((panel, index) => {
      const id = `tab-${number}-${index}`;
      panel.id = `${id}-panel`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", id);
      panel.removeAttribute("aria-label");
      const button = make("button", { type: "button", role: "tab", id, "aria-controls": panel.id }, panel.querySelector("h3").textContent);
      button.addEventListener("click", () => show(index));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = (index + step + panels.length) % panels.length;
        show(next);
        list.children[next].focus();
      });
      list.append(button);
    });
    tabs.prepend(list);
    tabs.classList.add("on");
    show(0);
  }

  // Sorting: by a cell's data-value, else by its text as a number, else by its text. A table that shows one part of its rows is the server's to sort.
  const value = (row, index) => {
    const cell = row.cells[index];
    const text = cell.dataset.value ?? cell.textContent.trim().replace(/[\u2212]/g, "-").replace(/[,=\u2007\u2008]/g, "");
    if (text === "" || text === "–") return null;
    return Number.isNaN(Number(text)) ? text.toLowerCase() : Number(text);
  };
  const sort = (table, index, direction) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row, index), row]);
    rows.sort(([a], [b]) => (a === null) - (b === null) || (a < b ? -direction : a > b ? direction : 0));
    body.append(...rows.map(([, row]) => row));
    for (const heading of table.tHead.rows[0].cells) heading.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[index].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    table.dispatchEvent(new CustomEvent("changed", { bubbles: true }));
  };
  const remember = (name, text) => {
    const address = new URL(location.href);
    text ? address.searchParams.set(name, text) : address.searchParams.delete(name);
    history.replaceState(null, "", address);
  };
  for (const table of document.querySelectorAll("table[data-sortable]:not([data-part])")) {
    [...table.tHead.rows[0].cells].forEach((heading, index) => {
      if (heading.textContent === "interval") return;
      const link = heading.querySelector("a.sort");
      const numeric = heading.classList.contains("number");
      const turn = () => {
        const now = heading.getAttribute("aria-sort");
        const first = numeric && heading.textContent.trim() !== "#" ? -1 : 1;
        sort(table, index, now ? (now === "ascending" ? -1 : 1) : first);
      };
      if (link) {
        link.addEventListener("click", (event) => {
          event.preventDefault();
          turn();
          const asked = new URL(link.href).searchParams.get("sort");
          if (link.getAttribute("href") !== "#") remember("sort", asked);
        });
      } else {
        const button = make("button", { type: "button" });
        button.append(...heading.childNodes);
        heading.append(button);
        heading.classList.add("by-script");
        button.addEventListener("click", turn);
      }
    });
  }

  // Filters: here where all rows are in the page, else the form is sent as soon as a choice changes.
  for (const form of document.querySelectorAll("form[data-filters]")) {
    const table = document.querySelector("table[data-filtered]:not([data-part])");
    const here = form.hasAttribute("data-here");
    const apply = () => {
      const said = Object.fromEntries(new FormData(form));
      const words = (said.q || "").toLowerCase();
      for (const row of table.tBodies[0].rows) {
        const data = row.dataset;
        row.hidden =
          !`${data.method} ${data.user}`.toLowerCase().includes(words) ||
          ["user", "reference", "trains", "knows_family"].some((name) => said[name] && data[name] !== said[name]);
      }
      table.dispatchEvent(new CustomEvent("changed", { bubbles: true }));
    };
    const search = form.elements.q;
    if (search && table) search.addEventListener("input", () => (apply(), remember("q", search.value)));
    for (const choice of form.querySelectorAll("select")) {
      choice.addEventListener("change", () => {
        if (!here) form.requestSubmit();
        else if (table) (apply(), remember(choice.name, choice.value));
      });
    }
    form.addEventListener("submit", (event) => {
      if (here) event.preventDefault();
      for (const field of form.elements) field.disabled ||= field.value === "" && field.name !== "";
    });
    window.addEventListener("pageshow", () => [...form.elements].forEach((field) => (field.disabled = false)));
    if (here && table) {
      for (const [name, text] of new URLSearchParams(location.search)) if (form.elements[name]) form.elements[name].value = text;
      apply();
    }
  }
})();
