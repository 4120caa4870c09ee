// A job's page follows its events until it has ended.
"use strict";
(() => {
  const place = document.querySelector("[data-job]");
  if (!place || place.dataset.ended === "yes") return;
  const find = (name) => place.querySelector(`[data-${name}]`);
  const events = new EventSource(`/v1/jobs/${place.dataset.job}/events`);
  const show = (event) => {
    const job = JSON.parse(event.data);
    find("state").textContent = job.state;
    find("reason").textContent = job.reason || "";
    const bar = find("progress");
    if (job.progress) {
      bar.max = job.progress.total;
      bar.value = job.progress.done;
      find("words").textContent = `${job.progress.done} of ${job.progress.total} ${job.progress.unit}`;
    }
    if (!job.ended_at) return;
    events.close();
    bar.max = 1;
    bar.value = job.state === "succeeded" ? 1 : 0;
    place.dataset.ended = "yes";
    if (job.result) {
      const address = job.result.replace("/v1/", "/");
      find("result").replaceChildren(Object.assign(document.createElement("a"), { href: address, textContent: address }));
    }
  };
  for (const state of ["queued", "running", "succeeded", "failed", "cancelled"]) events.addEventListener(state, show);
})();
