// Administration: tokens, retractions and jobs over HTTP, with an admin token that this page alone holds, and only while it is open.
"use strict";
(() => {
  const find = (name) => document.querySelector(`[data-${name}]`);
  const [login, answer, panel] = ["login", "answer", "admin"].map(find);
  let token = "";
  const say = (text, wrong = false) => {
    answer.classList.toggle("wrong", wrong);
    answer.textContent = text;
  };
  async function ask(path, method = "GET") {
    const response = await fetch(path, { method, headers: { Authorization: `Bearer ${token}` } });
    const found = await response.json();
    if (!response.ok) throw new Error(found.detail);
    return found;
  }
  const fill = (name, rows) => {
    const body = find(name);
    const headings = [...body.closest("table").tHead.rows[0].cells].map((heading) => heading.textContent);
    body.replaceChildren(...rows.map((cells) => {
      const line = document.createElement("tr");
      cells.forEach((content, index) => {
        const cell = line.insertCell();
        cell.dataset.label = headings[index];
        cell.append(content ?? "–");
      });
      return line;
    }));
  };
  const button = (text, action) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    made.addEventListener("click", () => attempt(action));
    return made;
  };
  const attempt = async (action) => {
    try {
      await action();
    } catch (error) {
      say(error.message, true);
    }
  };
  async function tokens() {
    const found = await ask("/v1/tokens");
    fill("tokens", found.tokens.map((one) => [
      one.prefix, one.user, one.scope, one.created_at.slice(0, 10), one.expires_at?.slice(0, 10) ?? "no end",
      one.revoked_at ? `revoked ${one.revoked_at.slice(0, 10)}` : button("Revoke", async () => {
        await ask(`/v1/tokens/${one.prefix}/revoke`, "POST");
        say(`The token ${one.prefix} of ${one.user} is revoked.`);
        await tokens();
      }),
    ]));
  }
  async function jobs() {
    const found = await ask("/v1/jobs?limit=50");
    fill("jobs", found.jobs.map((job) => {
      const progress = job.progress ? `${job.progress.done} of ${job.progress.total} ${job.progress.unit}` : null;
      const link = Object.assign(document.createElement("a"), { href: `/jobs/${job.id}`, textContent: job.id.slice(0, 8) });
      return [link, job.queue, job.pair, job.user, job.state, progress, job.created_at.slice(0, 16).replace("T", " ")];
    }));
  }
  login.addEventListener("submit", (event) => {
    event.preventDefault();
    token = login.querySelector("[data-token]").value;
    attempt(async () => {
      await tokens();
      await jobs();
      panel.hidden = false;
      login.hidden = true;
      say("");
      setInterval(() => attempt(jobs), 5000);
    });
  });
  find("create").addEventListener("submit", (event) => {
    event.preventDefault();
    const said = [...new FormData(event.target)].filter(([, text]) => text !== "");
    attempt(async () => {
      const made = await ask(`/v1/tokens?${new URLSearchParams(said)}`, "POST");
      say(`The token of ${made.user}, shown this once: ${made.token}`);
      await tokens();
    });
  });
  find("retract").addEventListener("submit", (event) => {
    event.preventDefault();
    const { id, reason } = Object.fromEntries(new FormData(event.target));
    attempt(async () => {
      await ask(`/v1/submissions/${encodeURIComponent(id)}/retract?${new URLSearchParams({ reason })}`, "POST");
      say(`The submission ${id} is retracted; its page says why.`);
    });
  });
})();
