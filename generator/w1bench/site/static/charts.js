// Charts by Observable Plot, drawn from the tables that stand in the page; they are drawn anew when a table is filtered or the page changes its width.
"use strict";
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (cell, name = "value") => (cell && cell.dataset[name] ? Number(cell.dataset[name]) : null);
  const rows = (table) => [...table.tBodies[0].rows].filter((row) => !row.hidden);
  const colours = () => [style("--blue"), style("--warm"), style("--ink"), style("--rule")];

  const base = (figure, height, margin = {}) => ({
    width: Math.max(280, Math.min(figure.parentElement.clientWidth, 900)), height, marginLeft: 52, marginBottom: 38, marginRight: 16, ...margin,
    style: { background: "none", color: style("--ink"), fontFamily: "inherit", fontSize: "12px" },
  });
  const shares = (values) => [Math.min(0, ...values.filter((v) => v !== null && v >= -1)), 1];

  const makers = {
    intervals(figure) {
      const table = document.querySelector("table.board");
      const index = [...table.tHead.rows[0].cells].findIndex((cell) => cell.dataset.metric === figure.dataset.metric);
      const data = rows(table).slice(0, 40).map((row) => ({
        name: row.dataset.method, user: row.dataset.user, value: number(row.cells[index]), low: number(row.cells[index], "low"), high: number(row.cells[index], "high"),
      })).filter((row) => row.value !== null);
      if (data.length < 2) return null;
      data.forEach((row, place) => { row.key = `${place}`; });
      const names = Object.fromEntries(data.map((row) => [row.key, row.name.length > 26 ? row.name.slice(0, 25) + "…" : row.name]));
      const [blue] = colours();
      return Plot.plot({
        ...base(figure, 40 + 18 * data.length, { marginLeft: 170 }),
        x: { domain: shares(data.map((row) => row.low ?? row.value)), label: `${figure.dataset.metric} (1 is the truth) →`, grid: true },
        y: { domain: data.map((row) => row.key), tickFormat: (key) => names[key], label: null, tickSize: 0 },
        marks: [
          Plot.ruleX([0], { stroke: style("--rule") }),
          Plot.ruleY(data.filter((row) => row.low !== null), { x1: "low", x2: "high", y: "key", stroke: blue, strokeWidth: 2.5 }),
          Plot.dot(data, { x: "value", y: "key", fill: blue, r: 3 }),
        ],
      });
    },
    dimension(figure) {
      const table = document.querySelector("table.heatmap");
      const headings = [...table.tHead.rows[0].cells];
      const data = rows(table).slice(0, 6).flatMap((row) => [...row.cells].map((cell, index) => ({
        name: row.dataset.method, dim: Number(headings[index].dataset.dim), value: number(cell, "cos"),
      }))).filter((point) => point.value !== null && point.dim > 0);
      return scatter(figure, data, "dim", "dimensions →");
    },
    "dimension-rows"(figure) {
      const table = document.querySelector("table.board");
      const data = rows(table).map((row) => ({
        name: "cos", dim: Number(row.dataset.dim), value: number([...row.cells].find((cell) => cell.dataset.value)), 
        low: number([...row.cells].find((cell) => cell.dataset.value), "low"), high: number([...row.cells].find((cell) => cell.dataset.value), "high"),
      })).filter((point) => point.value !== null);
      return scatter(figure, data, "dim", "dimensions →");
    },
    curves(figure) {
      const points = rows(document.querySelector("#curves")).flatMap((row) => row.cells[1].dataset.points.trim().split(" ").map((point) => point.split(":").map(Number))
        .map(([steps, value]) => ({ pair: row.cells[0].textContent, dim: Number(row.dataset.dim), steps, value })));
      const [blue, warm, ink] = colours();
      const few = (dim) => (dim <= 8 ? "up to 8 dimensions" : dim < 100 ? "9 to 99" : "100 and more");
      const names = [...new Set(points.map((point) => few(point.dim)))].sort((a, b) => parseInt(a.replace("up to ", "")) - parseInt(b.replace("up to ", "")));
      const colour = (point) => ({ u: warm, 9: blue, 1: ink })[few(point.dim)[0]];
      legend(figure, names.map((name) => `${{ u: "●", 9: "■", 1: "▲" }[name[0]]} ${name}`));
      return Plot.plot({
        ...base(figure, 280),
        x: { type: "log", label: "steps →", grid: true, ticks: 5, tickFormat: (value) => value.toLocaleString("en") }, y: { domain: shares(points.map((point) => point.value)), label: "↑ cos", grid: true },
        marks: [
          Plot.ruleY([0], { stroke: style("--rule") }),
          Plot.line(points, { x: "steps", y: "value", z: "pair", stroke: colour, strokeOpacity: 0.7 }),
          Plot.dot(points, { x: "steps", y: "value", fill: colour, r: 3.5, symbol: (point) => few(point.dim), title: (point) => point.pair }),
        ],
        symbol: { type: "ordinal", domain: ["up to 8 dimensions", "9 to 99", "100 and more"], range: ["circle", "square", "triangle"] },
      });
    },
    seconds(figure) {
      const table = document.querySelector("table.board");
      const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
      const [cos, time] = [headings.findIndex((text) => text.startsWith("cos")), headings.findIndex((text) => text.startsWith("Time"))];
      const data = rows(table).map((row) => ({ name: row.dataset.trains === "no" ? "untrained" : "trained", seconds: number(row.cells[time]), value: number(row.cells[cos]) }))
        .filter((point) => point.value !== null && point.seconds > 0);
      return scatter(figure, data, "seconds", "seconds of training →");
    },
    values(figure) {
      const data = rows(document.querySelector("#values")).map((row) => ({
        name: row.cells[0].textContent, value: number(row.cells[1]), low: number(row.cells[1], "low"), high: number(row.cells[1], "high"),
      }));
      const [blue, warm] = colours();
      const large = Math.max(...data.map((row) => row.value)) > 30 * data[0].value;
      return Plot.plot({
        ...base(figure, 40 + 26 * data.length, { marginLeft: 175 }),
        x: { label: "distance →", grid: true, ...(large ? { type: "symlog", constant: data[0].value } : {}) },
        y: { label: null, domain: data.map((row) => row.name), tickSize: 0 },
        marks: [
          Plot.barX(data, { x: "value", y: "name", fill: (row, index) => (index ? blue : warm), insetTop: 5, insetBottom: 5 }),
          Plot.ruleY(data.filter((row) => row.low !== null), { x1: "low", x2: "high", y: "name", stroke: style("--ink"), strokeWidth: 2 }),
          Plot.ruleX([data[0].value], { stroke: warm, strokeDasharray: "4 3" }), Plot.ruleX([0]),
        ],
      });
    },
    cosines(figure) {
      const data = rows(document.querySelector("#cosines")).map((row) => ({ middle: (Number(row.cells[0].dataset.low) + Number(row.cells[0].dataset.high)) / 2, value: number(row.cells[1]) }));
      const [blue, warm] = colours();
      const place = base(figure, 200);
      const bar = (place.width - place.marginLeft - place.marginRight) / data.length - 2;
      return Plot.plot({
        ...place,
        x: { domain: [-1, 1], label: "cosine with the true gradient →" }, y: { label: "↑ share of points (%)", grid: true },
        marks: [
          Plot.ruleX(data, { x: "middle", y: "value", stroke: blue, strokeWidth: bar }), Plot.ruleY([0]),
          Plot.ruleX([1], { stroke: warm, strokeDasharray: "4 3" }), Plot.text([[1, Math.max(...data.map((row) => row.value))]], { text: ["truth"], fill: warm, textAnchor: "end", dx: -4, dy: -8 }),
        ],
      });
    },
    potentials(figure) {
      const points = plane().flatMap(({ x, y, true_value, value }) => [{ x, y, of: "truth", value: true_value }, { x, y, of: "critic", value }]);
      const place = panels(figure, points);
      const values = points.map((point) => point.value), [low, high] = [Math.min(...values), Math.max(...values)];
      const colour = { type: "linear", scheme: "viridis", domain: [low, high] };
      const steps = [...Array(48).keys()].map((step) => low + ((high - low) * (step + 0.5)) / 48);
      const scale = Plot.plot({
        ...base(figure, 56, { marginBottom: 34 }), width: 320, color: colour, x: { domain: [low, high], label: "f less its mean (units of distance) →", ticks: 5 },
        marks: [Plot.ruleX(steps, { x: (step) => step, stroke: (step) => step, strokeWidth: 6 })],
      });
      for (const own of scale.querySelectorAll("style")) own.remove();
      figure.append(scale);
      return Plot.plot({ ...place.options, color: colour, marks: [Plot.frame({ stroke: style("--rule") }), Plot.dot(points, { x: "x", y: "y", [place.by]: "of", fill: "value", r: 0.42 * place.cell })] });
    },
    field(figure) {
      const points = plane().flatMap(({ x, y, true_gradient, gradient }) => [["truth", true_gradient], ["critic", gradient]].map(([of, [a, b]]) => ({
        x, y, of, length: Math.min(2, Math.hypot(a, b)), turned: 90 - (Math.atan2(b, a) * 180) / Math.PI,
      })));
      const place = panels(figure, points);
      const [blue, warm] = colours();
      const scale = Plot.plot({
        ...base(figure, 24, { marginLeft: 44, marginTop: 4, marginBottom: 4 }), marks: [
          Plot.vector([1], { frameAnchor: "left", anchor: "start", length: place.cell, rotate: 90, stroke: warm, strokeWidth: 1.3 }),
          Plot.text(["length 1, as the truth has almost everywhere"], { frameAnchor: "left", dx: place.cell + 8 }),
        ],
      });
      for (const own of scale.querySelectorAll("style")) own.remove();
      figure.append(scale);
      return Plot.plot({
        ...place.options, length: { type: "linear", domain: [0, 2], range: [0, 2 * place.cell] },
        marks: [
          Plot.frame({ stroke: style("--rule") }),
          Plot.vector(points, { x: "x", y: "y", [place.by]: "of", length: "length", rotate: "turned", anchor: "start", stroke: (point) => (point.of === "truth" ? warm : blue), strokeWidth: 1.3 }),
        ],
      });
    },
    lengths(figure) {
      const data = rows(document.querySelector("#lengths")).map((row) => ({ level: 100 * Number(row.cells[0].dataset.level), value: number(row.cells[1]) }));
      const [blue, warm] = colours();
      const large = Math.max(...data.map((row) => row.value)) > 30;
      return Plot.plot({
        ...base(figure, 220),
        x: { domain: [0, 100], label: "share of points (%) →", grid: true },
        y: { label: "↑ length of the gradient", grid: true, ...(large ? { type: "log" } : { domain: [0, Math.max(1.2, ...data.map((row) => row.value))] }) },
        marks: [
          Plot.ruleY([1], { stroke: warm, strokeDasharray: "4 3" }), Plot.text([[100, 1]], { text: ["truth"], fill: warm, textAnchor: "end", dy: -8 }),
          Plot.line(data, { x: "level", y: "value", stroke: blue, strokeWidth: 2 }), Plot.dot(data, { x: "level", y: "value", fill: blue, r: 3.5 }),
        ],
      });
    },
  };

  // The points of the plane, by the table's columns.
  function plane() {
    const figures = (cell) => cell.textContent.split(", ").map((text) => Number(text.replaceAll(",", "").replace("\u2212", "-")));
    return rows(document.querySelector("#plane")).map((row) => {
      const [[x, y], true_gradient, gradient, [true_value] = [], [value] = []] = [...row.cells].map(figures);
      return { x, y, true_gradient, gradient, true_value, value };
    });
  }

  // Two square panels of the same scales, side by side where there is room, and the width of a cell of the grid that their points were taken from.
  function panels(figure, points) {
    const all = base(figure, 0, { marginLeft: 44, marginRight: 44, marginTop: 26 });
    const wide = all.width >= 560, by = wide ? "fx" : "fy";
    const ends = ["x", "y"].map((axis) => points.map((point) => point[axis])).map((of) => [Math.min(...of), Math.max(...of)]);
    const half = 0.54 * Math.max(...ends.map(([low, high]) => high - low));
    const [x, y] = ends.map(([low, high]) => ({ domain: [(low + high) / 2 - half, (low + high) / 2 + half], ticks: 5 }));
    const side = (Math.min(all.width, 760) - all.marginLeft - all.marginRight) / (wide ? 2.08 : 1);
    const height = all.marginTop + all.marginBottom + side * (wide ? 1 : 2.08);
    return {
      by, cell: side / 1.08 / 15,
      options: { ...all, width: Math.min(all.width, 760), height, x: { ...x, label: "x₁ →" }, y: { ...y, label: "↑ x₂" }, [by]: { domain: ["truth", "critic"], label: null, padding: 0.04 } },
    };
  }

  const symbols = ["circle", "square", "triangle", "diamond", "wye", "cross"];
  function scatter(figure, data, x, label) {
    if (new Set(data.map((point) => point[x])).size < 2) return null;
    const names = [...new Set(data.map((point) => point.name))];
    const [blue, warm, ink, rule] = colours();
    const palette = [blue, warm, ink, style("--soft"), blue, warm];
    const plot = Plot.plot({
      ...base(figure, 260),
      x: { type: "log", label, grid: true, tickFormat: (value) => String(value), ticks: x === "dim" ? [...new Set(data.map((point) => point.dim))] : 5 }, y: { domain: shares(data.map((point) => point.value)), label: "↑ cos", grid: true },
      marks: [
        Plot.ruleY([0], { stroke: rule }),
        Plot.link(data.filter((point) => point.low != null), { x1: x, x2: x, y1: "low", y2: "high", stroke: blue, strokeWidth: 2 }),
        Plot.dot(data, {
          x, y: "value", r: 3.5, stroke: (point) => palette[names.indexOf(point.name) % 6], fill: (point) => palette[names.indexOf(point.name) % 6], fillOpacity: 0.35,
          symbol: (point) => names.indexOf(point.name) % 6,
        }),
      ],
      symbol: { type: "ordinal", domain: [0, 1, 2, 3, 4, 5], range: symbols },
    });
    const signs = { circle: "●", square: "■", triangle: "▲", diamond: "◆", wye: "Y", cross: "✚" };
    if (names.length > 1) legend(figure, names.map((name, index) => `${signs[symbols[index % 6]]} ${name}`));
    return plot;
  }

  function legend(figure, parts) {
    figure.replaceChildren(Object.assign(document.createElement("p"), { className: "legend", textContent: parts.join("   ") }));
  }

  const draw = () => {
    for (const figure of document.querySelectorAll("[data-chart]")) {
      figure.replaceChildren();
      const plot = makers[figure.dataset.chart](figure);
      if (!plot) continue;
      for (const own of plot.querySelectorAll("style")) own.remove(); // the page's style sheet has what it says
      if (plot.tagName === "style") continue;
      figure.append(plot);
    }
  };
  draw();
  let waiting = null;
  const again = () => { clearTimeout(waiting); waiting = setTimeout(draw, 80); };
  addEventListener("resize", again);
  document.addEventListener("changed", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
})();
