// Submitting from a page: a file by drop or choice, a dry run in words, and then the row, or the job that makes it.
"use strict";
(() => {
  const form = document.querySelector("[data-submit]");
  const find = (name) => form.querySelector(`[data-${name}]`);
  const [answer, drop, input, token] = ["answer", "drop", "file", "token"].map(find);
  // Below the step that was taken, so that nobody has to look for it.
  let step = find("dry").closest("fieldset");
  const say = (parts, wrong = false) => {
    step.after(answer);
    answer.classList.toggle("wrong", wrong);
    answer.replaceChildren(...parts.map((part) => {
      const line = document.createElement("p");
      line.append(...[part].flat());
      return line;
    }));
    answer.scrollIntoView({ block: "nearest" });
  };
  const link = (text, href) => Object.assign(document.createElement("a"), { textContent: text, href });
  const plain = (text) => text.replaceAll("`", "");
  const problem = (found) => {
    const others = (found.errors || []).map((part) => part.detail).filter((detail) => !found.detail.includes(detail));
    return say([found.detail, ...others].map(plain), true);
  };
  const mebibytes = (count) => (count / 1e6).toFixed(2) + " MB";

  for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", over);
      if (name === "drop" && event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
        dry();
      }
    });
  }
  input.addEventListener("change", () => input.files.length && dry());

  async function send(path, params, headers = {}) {
    const file = input.files[0];
    if (!file) return say(["There is no file yet: drop one above, or choose it."], true);
    say([`Sending ${file.name} (${mebibytes(file.size)}) …`]);
    try {
      const response = await fetch(`${path}?${new URLSearchParams(params)}`, { method: "POST", body: file, headers });
      const found = await response.json();
      if (!response.ok) return problem(found);
      return [response.status, found];
    } catch {
      return say(["The service did not answer. Look at the connection, and try again."], true);
    }
  }

  async function dry() {
    step = find("dry").closest("fieldset");
    const pair = form.elements.pair.value, state = form.elements.pair.selectedOptions[0].dataset.state;
    const method = form.elements.method.value;
    const done = await send("/v1/validate", method ? { pair, method } : { pair });
    if (!done) return;
    const [, found] = done;
    const arrays = Object.entries(found.arrays).map(([name, shape]) => `${name} (${shape.join(" × ")})`);
    const lacks = ["input_potential", "target_potential"].filter((name) => !(name in found.arrays));
    const turned = (found.findings || []).filter((finding) => finding.code === "sign");
    const others = (found.findings || []).filter((finding) => finding.code !== "sign");
    say([
      ...turned.map((finding) => `The sign is wrong. ${finding.sentence}`),
      `${pair} would take this file, with ${arrays.join(", ")}, all finite.`,
      lacks.length ? "Without the potentials' values there will be no dev and no W1 estimate; the cosine and the rank need none." : "With its values it also gets dev and a W1 estimate.",
      ...(others.length ? [`What its arrays ${turned.length ? "also " : ""}say of the critic:`] : []),
      ...others.map((finding) => finding.sentence),
      `Nothing was kept. With a token it becomes a row${state === "open" ? `. To see its scores first, without a token: w1bench score ${pair} ${input.files[0].name}` : ""}.`,
    ], turned.length > 0);
  }

  async function submit() {
    step = find("send").closest("fieldset");
    if (!form.reportValidity()) return;
    if (!token.value) return say(["A row needs a token: whoever runs this service makes one."], true);
    const params = { pair: form.elements.pair.value, method: form.elements.method.value };
    for (const name of ["paper", "code", "description", "seed", "steps", "seconds", "data", "hardware", "parameters", "trains", "knows_family", "penalty_weight", "batch", "native_value", "own_value", "curve"]) {
      if (form.elements[name].value !== "") params[name] = form.elements[name].value;
    }
    const done = await send("/v1/submissions", params, { Authorization: `Bearer ${token.value}` });
    if (!done) return;
    const [status, found] = done;
    if (status === 202) return say([["It is scored as a job: ", link("follow it", `/jobs/${found.id}`), "."]]);
    const figures = ["cos", "skill", "dev"].map((name) => [name, found.scorecard.metrics[name]]).filter(([, interval]) => interval).map(([name, interval]) => `${name} ${interval.value.toPrecision(4)}${name === "dev" ? " %" : ""}`);
    say([
      [`${status === 200 ? "This file was submitted before by this user for this method, and its row stands as it is, with what it said of itself then: " : "It is on the board now: "}`, link(`${found.method} on ${found.pair}`, `/submissions/${found.id}`), "."],
      figures.join(", "),
      ...((found.findings || found.scorecard.findings || []).map((finding) => finding.sentence)),
    ]);
  }

  // The commands for what is chosen now, without leaving the page, on which the file would be lost.
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const asked = new URLSearchParams([...new FormData(form)].filter(([, text]) => text !== ""));
    const page = new DOMParser().parseFromString(await (await fetch(`${form.action}?${asked}`, { headers: { Accept: "text/html" } })).text(), "text/html");
    const fresh = page.querySelectorAll("[data-tabs] code"), file = input.files[0]?.name;
    if (!fresh.length) return say([page.querySelector("main .lead").textContent], true); // a field is wrong
    document.querySelectorAll("[data-tabs] code").forEach((code, index) => {
      code.textContent = file ? fresh[index].textContent.replaceAll("mine.npy", file) : fresh[index].textContent;
    });
    document.querySelector("[data-tabs]").scrollIntoView({ block: "nearest" });
  });
  find("dry").addEventListener("click", dry);
  find("send").addEventListener("click", submit);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === token) (event.preventDefault(), submit());
  });
})();
